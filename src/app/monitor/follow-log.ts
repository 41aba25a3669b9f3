import type { KeyObject } from 'node:crypto';
import { type Checkpoint, readCheckpoint } from '../../audit/checkpoint.ts';
import { type Entry, leafHash, readEntry } from '../../audit/entry.ts';
import { Frontier, type TreeHead, verifyConsistency } from '../../audit/merkle.ts';
import { fromBase64, toBase64 } from '../../kernel/bytes.ts';
import { isJsonObject, type Json } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { keyOf, type MonitorState } from './monitor-state.ts';

/** Runs one operation of the authority. */
export type Ask = (name: string, order: Json) => Promise<Json>;

/** The entries of one answer, verified, and the state after them. */
export interface VerifiedPage {
  readonly entries: readonly Entry[];
  readonly state: MonitorState;
}

/** The state before anything was read. `key` in PEM, kept elsewhere; null believes the first answer. */
export async function beginState(ask: Ask, key: string | null): Promise<MonitorState> {
  const { origin, publicKey } = readAnswer(await ask('log.read', {}));
  const nothing = { checkpoint: '', read: 0, frontier: [], alerted: [], pending: [], broken: null };
  return { origin, publicKey: key ?? publicKey, ...nothing };
}

/**
 * Reads a log to its end and verifies every answer: that its checkpoint is signed and goes on from the one known, and that
 * the entries are the ones that it signs. Nothing is given out before that.
 * Throws Fault `audit_broken` when the log was rolled back, rewritten, or is another.
 */
export async function* followLog(begin: MonitorState, ask: Ask): AsyncGenerator<VerifiedPage> {
  const publicKey = keyOf(begin);
  let state = begin;
  for (;;) {
    const known = state.checkpoint === '' ? null : readCheckpoint(state.checkpoint, publicKey);
    const answer = readAnswer(await ask('log.read', { from: state.read, known: known?.size ?? 0 }));
    const checkpoint = checkHead(answer, { state, known, publicKey });
    const page = checkLines(answer, checkpoint, state);
    state = { ...state, checkpoint: answer.checkpoint, ...page.tree };
    yield { entries: page.entries, state };
    if (state.read >= checkpoint.size) return;
    if (page.entries.length === 0) {
      throw new Fault('unavailable', 'The authority answers without the entries that its log has.');
    }
  }
}

interface Answer {
  readonly origin: string;
  readonly publicKey: string;
  readonly checkpoint: string;
  readonly sinceKnown: readonly Uint8Array[];
  readonly lines: readonly string[];
  readonly sinceLines: readonly Uint8Array[];
}

function checkHead(
  answer: Answer,
  { state, known, publicKey }: { state: MonitorState; known: Checkpoint | null; publicKey: KeyObject },
): Checkpoint {
  const checkpoint = readCheckpoint(answer.checkpoint, publicKey);
  if (checkpoint.origin !== state.origin) {
    throw broken(`The authority answers with the log ${checkpoint.origin}; followed is ${state.origin}.`);
  }
  if (!known) return checkpoint;
  if (checkpoint.size < known.size) {
    throw broken(
      `The log was rolled back: it has ${checkpoint.size} entries, and had ${known.size} when it was last looked at.`,
    );
  }
  if (verifyConsistency(known, checkpoint, answer.sinceKnown)) return checkpoint;
  throw broken(
    `The log was rewritten: what it has now does not go on from the ${known.size} entries that were known.`,
  );
}

/** The lines, once the tree over them and all before is shown to be part of what the checkpoint signs. */
function checkLines(
  { lines, sinceLines }: Answer,
  checkpoint: Checkpoint,
  state: MonitorState,
): { readonly entries: readonly Entry[]; readonly tree: Pick<MonitorState, 'read' | 'frontier'> } {
  const frontier = frontierOf(state);
  for (const line of lines) frontier.append(leafHash(line));
  const read = state.read + lines.length;
  const tree: TreeHead = { size: read, root: frontier.root() };
  if (!verifyConsistency(tree, checkpoint, sinceLines)) {
    throw broken(`The entries ${state.read} to ${read} that were given are not the ones that the log signs.`);
  }
  const entries = lines.map(readEntry);
  const wrong = entries.findIndex(({ index }, at) => index !== state.read + at);
  if (wrong !== -1) throw broken(`Entry ${state.read + wrong} of the log has another index.`);
  return { entries, tree: { read, frontier: frontier.hashes().map(toBase64) } };
}

function frontierOf({ frontier, read }: MonitorState): Frontier {
  try {
    return new Frontier(frontier.map(octetsOf), read);
  } catch (cause) {
    throw new Fault('state_damaged', 'The kept state of the log does not fit its size.', { cause });
  }
}

/** Throws Fault `unavailable` for what no authority of this version answers. */
function readAnswer(json: Json): Answer {
  const { origin, publicKey, checkpoint, sinceKnown, lines, sinceLines } = isJsonObject(json) ? json : {};
  if (
    typeof origin !== 'string' ||
    typeof publicKey !== 'string' ||
    typeof checkpoint !== 'string' ||
    !isTexts(sinceKnown) ||
    !isTexts(lines) ||
    !isTexts(sinceLines)
  ) {
    throw new Fault('unavailable', 'The authority does not give its log to be read. Is it older?');
  }
  return {
    origin,
    publicKey,
    checkpoint,
    sinceKnown: sinceKnown.map(octetsOf),
    lines,
    sinceLines: sinceLines.map(octetsOf),
  };
}

/** What is no base64 becomes a hash that nothing has. */
function octetsOf(text: string): Uint8Array {
  return fromBase64(text) ?? new Uint8Array();
}

function isTexts(value: Json | undefined): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

function broken(why: string): Fault {
  return new Fault('audit_broken', why);
}
