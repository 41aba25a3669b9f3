import type { MessageRead } from './message-read.ts';
import { NodeReading } from './node-reading.ts';

/** Two readers of the same octets: ours and node:http's. */
export interface Pair {
  readonly node: NodeReading;
  /** Hands on the next piece; false when there is none or nobody listens. */
  step(): boolean;
  /** What does not agree as of now, or null. */
  difference(): string | null;
  /** The peer waits, then goes away. */
  end(): void;
  /** What is left of the connection that should not be, or differs now that it has ended; null when nothing. */
  remainder(): string | null;
  /** Messages that ours took. */
  readonly taken: number;
  readonly refused: boolean;
}

/** How often something happened in a run: a run in which nothing is accepted, or nothing refused, shows nothing. */
export interface Tally {
  /** Connections. */
  cases: number;
  /** Messages that ours took or refused. */
  judged: number;
  /** Messages that both took for the same. */
  same: number;
  /** Connections on which ours refused what node:http took. */
  stricter: number;
  /** Connections on which both refused. */
  refusedByBoth: number;
}

export interface Difference {
  readonly place: number;
  readonly what: string;
}

/** Turns of the event loop after which nothing moves any more: one per pipelined message, and some. */
const settlingTurns = 6;

/** Runs pairs side by side, piece by piece, and tells where two readers disagree. */
export async function compare(pairs: readonly Pair[], tally: Tally): Promise<readonly Difference[]> {
  const found = new Map<number, string>();
  const look = (place: number, what: string | null): void => {
    if (what !== null && !found.has(place)) found.set(place, what);
  };
  for (let active = [...pairs.keys()]; active.length > 0; ) {
    active = active.filter((place) => pairs[place]?.step());
    await settle();
    for (const place of active) look(place, pairs[place]?.difference() ?? null);
  }
  for (const pair of pairs) pair.end();
  await settle();
  for (const [place, pair] of pairs.entries()) {
    look(place, pair.remainder());
    count(pair, tally);
  }
  return Array.from(found, ([place, what]) => ({ place, what }));
}

function settle(): Promise<void> {
  return new Promise((resolve) => {
    let turns = 0;
    const turn = (): void => {
      turns += 1;
      if (turns === settlingTurns) resolve();
      else setImmediate(turn);
    };
    setImmediate(turn);
  });
}

function count(pair: Pair, tally: Tally): void {
  tally.cases += 1;
  tally.judged += pair.taken + (pair.refused ? 1 : 0);
  tally.same += pair.taken;
  if (pair.refused && pair.node.error === null) tally.stricter += 1;
  if (pair.refused && pair.node.error !== null) tally.refusedByBoth += 1;
}

/** Whether every message of ours is the same in node:http's reading; what differs, or null. */
export function firstUnlike(ours: readonly MessageRead[], theirs: readonly MessageRead[]): string | null {
  for (const [place, message] of ours.entries()) {
    const other = theirs[place];
    if (!other) return `message ${place} is none for node:http: ${message.start}`;
    if (message.start !== other.start) return `message ${place} starts ${message.start} and ${other.start}`;
    if (message.fields !== other.fields)
      return `message ${place} has other fields: ${message.fields} ≠ ${other.fields}`;
    if (message.complete && !other.complete) return `message ${place} is complete for us alone`;
    if (message.complete && message.body !== other.body)
      return `message ${place} has another body: ${message.body} ≠ ${other.body}`;
  }
  return null;
}
