import { setTimeout as wait } from 'node:timers/promises';
import { errorText, Fault } from '../../kernel/fault.ts';
import type { FaultCode } from '../../kernel/fault-codes.ts';
import { randomFraction } from '../../kernel/random.ts';

/** The trouble of an authority that is not there yet. */
const notThere: ReadonlySet<FaultCode> = new Set(['unavailable', 'timed_out', 'gateway_unreachable']);
const shortestWait = 500;
const longestWait = 10_000;

/**
 * Does what needs the authority until it is there to answer: programs that are started together come up in any order. What it
 * answers ends it, a refusal as well.
 */
export async function untilReached<Result>(
  act: () => Promise<Result>,
  log: (line: string) => void,
): Promise<Result> {
  for (let failures = 0; ; failures += 1) {
    try {
      return await act();
    } catch (error) {
      if (!isNotThere(error)) throw error;
      const pause = Math.min(longestWait, shortestWait * 2 ** Math.min(failures, 6));
      log(`Waiting for the authority: ${errorText(error)}`);
      await wait(pause * (0.5 + randomFraction() / 2));
    }
  }
}

function isNotThere(error: unknown): boolean {
  if (!(error instanceof Fault)) return false;
  return notThere.has(error.code) || isNotThere(error.cause);
}
