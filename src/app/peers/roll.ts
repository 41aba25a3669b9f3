import { z } from 'zod';
import { utf8 } from '../../kernel/bytes.ts';
import { parseJson } from '../../kernel/parse-json.ts';
import { Fault } from '../../kernel/fault.ts';

/** What an authority says of itself to the others of its store. */
export interface PeerFacts {
  /** For people: the machine, or what the folder was called when it joined. */
  readonly name: string;
  /** Where its authority listener is reached; '' before it is open. */
  readonly url: string;
  readonly version: string;
  /** How far it has followed the steps of rotations; 0 before the first. */
  readonly issuers: number;
}

/** One authority in the roll. */
export interface RollEntry extends PeerFacts {
  /** Drawn by the process: two processes of one folder, or of copies of it, are told apart by it. */
  readonly life: string;
  /** Grows with every sign of life. */
  readonly beat: number;
}

/** The authorities of a store, and which of them does the periodic work. */
export interface Roll {
  /** Who leads; null before anybody does. */
  readonly leader: string | null;
  /** Grows whenever somebody else begins to lead. */
  readonly term: number;
  /** By the id of the authority. */
  readonly peers: Readonly<Record<string, RollEntry>>;
}

export const emptyRoll: Roll = { leader: null, term: 0, peers: {} };

const text = z.string().max(2_048);
const count = z.number().int().min(0);
const entry = z.strictObject({
  name: text,
  url: text,
  version: text,
  issuers: count,
  life: text,
  beat: count,
});
const roll = z.strictObject({ leader: text.nullable(), term: count, peers: z.record(text, entry) });

/** Reads what `writeRoll` wrote; null is an empty one. Throws Fault `state_newer`. */
export function readRoll(stored: string | null): Roll {
  if (stored === null) return emptyRoll;
  const read = roll.safeParse(parseJson(utf8(stored)));
  if (read.success) return read.data;
  throw new Fault(
    'state_newer',
    'The roll of authorities in the store was written by a newer version of Countersign. Update this authority.',
  );
}

export function writeRoll(value: Roll): string {
  return JSON.stringify(value);
}
