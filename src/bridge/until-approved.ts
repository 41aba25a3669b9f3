import { setTimeout as sleep } from 'node:timers/promises';
import { Fault } from '../kernel/fault.ts';

/** How soon a request that waits for an administrator is sent again, in milliseconds. */
const askAgain = 3_000;

/**
 * Asks until the request no longer waits for an administrator; the first time that it does, a person is told. Throws what `ask`
 * throws otherwise.
 */
export async function untilApproved<Result>(
  ask: () => Promise<Result>,
  log: (line: string) => void,
): Promise<Result> {
  let told = false;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'approval_pending') throw error;
      if (!told) log(error.message);
      told = true;
    }
    await sleep(askAgain);
  }
}
