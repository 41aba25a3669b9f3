import { Fault } from '../kernel/fault.ts';
import type { HolderLimits } from './holder-limits.ts';

/** Lets so many acts run at once and repeats those that may be repeated, within one limit of time. */
export interface Attempts {
  /**
   * Runs an act until it succeeds, fails for good, or the time is over. It may run more than once, so it must be one
   * that changes nothing, as a signature is. Throws the act's own faults; those of `temporary` last.
   */
  run<T>(act: (signal: AbortSignal) => Promise<T>): Promise<T>;
}

/** Faults after which the same may work a moment later. */
const temporary: ReadonlySet<string> = new Set(['unavailable', 'timed_out']);

/** `who` is named in the fault of an act that never got its turn. */
export function createAttempts(limits: HolderLimits, who: string): Attempts {
  let running = 0;
  const waiting: (() => void)[] = [];

  const turn = async (over: AbortSignal): Promise<void> => {
    if (running < limits.concurrent) {
      running += 1;
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const leave = (): void => {
      waiting.splice(waiting.indexOf(enter), 1);
      reject(tooBusy(who, limits));
    };
    const enter = (): void => {
      over.removeEventListener('abort', leave);
      resolve();
    };
    over.addEventListener('abort', leave, { once: true });
    waiting.push(enter);
    await promise;
  };
  // Whoever waits takes the place over: it is never free in between.
  const pass = (): void => {
    const next = waiting.shift();
    if (next) next();
    else running -= 1;
  };

  return {
    async run(act) {
      const over = AbortSignal.timeout(limits.totalMilliseconds);
      await turn(over);
      try {
        if (over.aborted) throw tooBusy(who, limits);
        return await repeat(act, limits, over);
      } finally {
        pass();
      }
    },
  };
}

async function repeat<T>(
  act: (signal: AbortSignal) => Promise<T>,
  limits: HolderLimits,
  over: AbortSignal,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const signal = AbortSignal.any([over, AbortSignal.timeout(limits.attemptMilliseconds)]);
    try {
      return await act(signal);
    } catch (error) {
      const again = attempt < limits.attempts && !over.aborted && isTemporary(error, signal);
      if (!again) throw error;
      await pause(50 * 4 ** (attempt - 1), over);
      // An act that is given a signal which is over already might wait for it for ever.
      if (over.aborted) throw error;
    }
  }
}

/** Also the reason of an attempt whose time was over. */
function isTemporary(error: unknown, signal: AbortSignal): boolean {
  return (error instanceof Fault && temporary.has(error.code)) || (signal.aborted && error === signal.reason);
}

function pause(milliseconds: number, over: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      over.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    over.addEventListener('abort', done, { once: true });
  });
}

function tooBusy(who: string, limits: HolderLimits): Fault {
  return new Fault(
    'unavailable',
    `${who} did not come to this within ${limits.totalMilliseconds} ms; others were before it.`,
  );
}
