import type { FlowParty, Use } from '../gateway/flow/flow-memory.ts';
import { isJsonObject, type Json } from '../kernel/canonical-json.ts';

/** What the shared memory says that somebody has used. */
export interface FlowRow {
  readonly party: FlowParty;
  readonly label: string;
  /** Epoch milliseconds. */
  readonly since: number;
  readonly use: Use;
}

/** What was recalled, and for how long the memory has been remembering, in milliseconds. */
export interface FlowAnswer {
  readonly remembering: number;
  readonly rows: readonly FlowRow[];
}

/** A use as it is kept in the shared memory. */
export function writeUse(person: string | null, use: Use): string {
  return JSON.stringify({ person, ...use });
}

/** Reads the answer of `recallScript` about these families; null when it is none. */
export function readFlowAnswer(reply: unknown, families: readonly string[]): FlowAnswer | null {
  if (!Array.isArray(reply)) return null;
  const [remembering, ...fields] = reply as readonly unknown[];
  if (!Number.isFinite(Number(remembering)) || fields.length % 4 !== 0) return null;
  const rows: FlowRow[] = [];
  for (let at = 0; at < fields.length; at += 4) {
    const row = readRow(fields.slice(at, at + 4), families);
    if (!row) return null;
    rows.push(row);
  }
  return { remembering: Number(remembering), rows };
}

function readRow(fields: readonly unknown[], families: readonly string[]): FlowRow | null {
  const [place, label, since, last] = fields;
  const family = typeof place === 'number' ? families[place] : undefined;
  if (family === undefined || typeof label !== 'string' || typeof last !== 'string') return null;
  if (!Number.isFinite(Number(since))) return null;
  const read = readUse(last);
  return (
    read && { party: { families: [family], person: read.person }, label, since: Number(since), use: read.use }
  );
}

function readUse(text: string): { readonly person: string | null; readonly use: Use } | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isJsonObject(value)) return null;
  const { person, at, agent, server, method, target, exchange } = value;
  if (
    typeof at !== 'number' ||
    typeof agent !== 'string' ||
    typeof server !== 'string' ||
    typeof method !== 'string' ||
    typeof exchange !== 'string' ||
    !isTextOrNull(person) ||
    !isTextOrNull(target)
  ) {
    return null;
  }
  return { person, use: { at, agent, server, method, target, exchange } };
}

function isTextOrNull(value: Json | undefined): value is string | null {
  return value === null || typeof value === 'string';
}
