import { isJsonObject } from '../kernel/canonical-json.ts';
import { Fault } from '../kernel/fault.ts';
import { parseJson } from '../kernel/parse-json.ts';
import { utf8 } from '../kernel/bytes.ts';

/** Port: small facts by name that outlive the process. Every promise resolves only when the change is durable. */
export interface CrlFacts {
  get(name: string): Promise<string | null>;
  set(name: string, value: string): Promise<void>;
  /** Puts `after` in the place of `before`, null being nothing; false, and no change, when something else is there. */
  swap(name: string, before: string | null, after: string): Promise<boolean>;
}

/** How far the lists of an issuer have come. */
export interface CrlProgress {
  /** The greatest number that was ever taken; 0 before the first. */
  readonly number: number;
  /** When the last scheduled publication was, in epoch milliseconds; 0 before the first. */
  readonly scheduledAt: number;
}

const nameOf = (keyId: string): string => `crl-progress ${keyId}`;

const floorName = 'crl-number-floor';

/**
 * No list of any issuer gets a number again that may have been given out after a backup that was restored at that time, in
 * epoch milliseconds: numbers go on from its seconds, which no authority that publishes once a second has come to.
 */
export async function raiseNumbers(facts: CrlFacts, restoredAt: number): Promise<void> {
  await facts.set(floorName, String(Math.floor(restoredAt / 1_000)));
}

/**
 * Takes the next number for lists of the issuer with that key identifier; whoever else takes one has another. Throws Fault
 * `state_damaged`: a number must not come twice.
 */
export async function takeNumber(facts: CrlFacts, keyId: string): Promise<CrlProgress> {
  const floor = Number((await facts.get(floorName)) ?? 0);
  return await change(facts, keyId, (before) => ({ ...before, number: Math.max(before.number, floor) + 1 }));
}

/** The lists of a scheduled publication are out. */
export async function recordScheduled(facts: CrlFacts, keyId: string, at: number): Promise<void> {
  await change(facts, keyId, (before) => ({ ...before, scheduledAt: at }));
}

async function change(
  facts: CrlFacts,
  keyId: string,
  to: (before: CrlProgress) => CrlProgress,
): Promise<CrlProgress> {
  for (;;) {
    const text = await facts.get(nameOf(keyId));
    const next = to(readKept(text));
    if (await facts.swap(nameOf(keyId), text, JSON.stringify(next))) return next;
  }
}

function readKept(text: string | null): CrlProgress {
  if (text === null) return { number: 0, scheduledAt: 0 };
  const value = parseJson(utf8(text));
  if (isJsonObject(value)) {
    const { number, scheduledAt } = value;
    if (Number.isSafeInteger(number) && Number.isSafeInteger(scheduledAt)) {
      return { number: Number(number), scheduledAt: Number(scheduledAt) };
    }
  }
  throw new Fault('state_damaged', 'The progress of the CRLs cannot be read. Restore a backup.');
}
