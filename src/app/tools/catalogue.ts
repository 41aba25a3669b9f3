import type { AuditLog } from '../../audit/audit-log.ts';
import type { Json } from '../../kernel/canonical-json.ts';
import type { Clock } from '../../kernel/clock.ts';
import { readToolDefinition, type ToolDefinition } from '../../mcp/tool-definition.ts';
import type { Store } from '../store/store.ts';
import type { KeptDefinition, ToolRecord } from '../store/tool-records.ts';
import type { ToolReport } from './tool-report.ts';

/** What the authority knows of the tools of its servers. */
export interface ToolCatalogue {
  /** Takes what a gateway was told by servers. */
  heard(gateway: string, reports: readonly ToolReport[]): Promise<void>;
}

/** Tools of one server that are kept; what a server lists beyond is never approved. */
const mostTools = 2_000;

export function openCatalogue(parts: {
  readonly store: Pick<Store, 'servers' | 'tools'>;
  readonly audit: Pick<AuditLog, 'append'>;
  readonly clock: Clock;
}): ToolCatalogue {
  const { store, audit, clock } = parts;
  const hear = async (gateway: string, { server, definitions }: ToolReport): Promise<void> => {
    if (!(await store.servers.find(server))) return;
    let room = mostTools - (await store.tools.list(server)).length;
    const fresh: ToolDefinition[] = [];
    for (const text of definitions) {
      const definition = readToolDefinition(JSON.parse(text) as Json);
      if (!definition) continue;
      const kept = { hash: definition.hash, text: definition.text, at: clock.now() };
      let isNew = false;
      await store.tools.change(server, definition.name, (before) => {
        isNew = before === null;
        if (isNew && room <= 0) return null;
        return seen(before ?? unknown(server, definition.name), kept);
      });
      if (!isNew || room <= 0) continue;
      room -= 1;
      fresh.push(definition);
    }
    if (fresh.length === 0) return;
    const tools = fresh.map(({ name, hash }) => ({ name, hash }));
    await audit.append({ type: 'tools.seen', server, gateway, tools });
  };
  return {
    async heard(gateway, reports) {
      for (const report of reports) await hear(gateway, report);
    },
  };
}

function unknown(server: string, tool: string): ToolRecord {
  return {
    server,
    tool,
    state: 'waiting',
    revision: 1,
    first: null,
    seen: null,
    approved: [],
    decided: null,
  };
}

/** The record of a tool that was seen with a definition; null when nothing is new. */
function seen(before: ToolRecord, definition: KeptDefinition): ToolRecord | null {
  if (before.seen?.hash === definition.hash) return null;
  return { ...before, first: before.first ?? definition, seen: definition };
}
