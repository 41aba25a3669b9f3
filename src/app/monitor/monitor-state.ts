import { createPublicKey, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { readTextFile, writeDurably } from '../../kernel/durable-file.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Json } from '../../kernel/canonical-json.ts';
import { parseJson } from '../../kernel/parse-json.ts';
import type { Alert } from './alert.ts';

/** What a monitor knows of a log, kept from run to run. */
export interface MonitorState {
  /** PEM of the log's key. */
  readonly publicKey: string;
  readonly origin: string;
  /** The newest checkpoint that was verified, a signed note; everything later has to go on from it. */
  readonly checkpoint: string;
  /** How many entries were looked at. */
  readonly read: number;
  /** The roots of the complete subtrees of the tree over them, base64. */
  readonly frontier: readonly string[];
  /** Serials that were reserved, alerted of, and not issued yet. */
  readonly alerted: readonly string[];
  /** Alerts that the receiver has not taken yet, oldest first. */
  readonly pending: readonly Alert[];
  /** Why the log was last found broken, so that it is told once. */
  readonly broken: string | null;
}

const texts = z.array(z.string());
const schema = z.strictObject({
  format: z.literal(1),
  publicKey: z.string(),
  origin: z.string(),
  checkpoint: z.string(),
  read: z.number().int().nonnegative(),
  frontier: texts,
  alerted: texts,
  pending: z.array(
    z.object({ type: z.literal('alert'), alert: z.string(), id: z.string() }).catchall(z.json()),
  ),
  broken: z.string().nullable(),
});

const stateName = 'state.json';

/** Null when the folder has none. Throws Fault `state_damaged`. */
export async function loadState(folder: string): Promise<MonitorState | null> {
  const path = join(folder, stateName);
  const text = await readTextFile(path).catch((error: unknown) => {
    if (error instanceof Fault && error.code === 'not_found') return null;
    throw error;
  });
  if (text === null) return null;
  const parsed = schema.safeParse(jsonOf(text));
  if (!parsed.success) {
    throw new Fault(
      'state_damaged',
      `${path} is not the state of a monitor. Keep it as evidence, move its folder away and begin anew.`,
    );
  }
  const { format: _format, ...state } = parsed.data;
  return state;
}

/**
 * Keeps the state; the key and the checkpoint stand in files of their own as well, for `countersign cert check-proof`,
 * `countersign audit verify` and people.
 */
export async function keepState(folder: string, state: MonitorState): Promise<void> {
  await writeDurably(join(folder, stateName), JSON.stringify({ format: 1, ...state }));
  await writeDurably(join(folder, 'public-key.pem'), state.publicKey, 0o644);
  if (state.checkpoint !== '') await writeDurably(join(folder, 'checkpoint'), state.checkpoint, 0o644);
}

/** The key of the log. Throws Fault `state_damaged`. */
export function keyOf({ publicKey }: Pick<MonitorState, 'publicKey'>): KeyObject {
  try {
    return createPublicKey(publicKey);
  } catch (cause) {
    throw new Fault('state_damaged', 'The key of the log is no public key in PEM.', { cause });
  }
}

function jsonOf(text: string): Json {
  try {
    return parseJson(text, { depth: 8, values: 1_000_000 });
  } catch {
    return null;
  }
}
