import { errorText } from '../../kernel/fault.ts';
import type { Authority } from '../authority/authority.ts';

/** How often it is looked for calls that are past their end, in milliseconds. */
const sweepMilliseconds = 5_000;

/** Ends calls that nobody decided or made in time, for as long as the authority works. */
export function watchCallApprovals(options: {
  readonly authority: Pick<Authority, 'callApprovals'>;
  readonly log: (line: string) => void;
}): AsyncDisposable {
  const { authority, log } = options;
  let failing = false;
  const sweep = async (): Promise<void> => {
    try {
      await authority.callApprovals.sweep();
      failing = false;
    } catch (error) {
      if (!failing)
        log(`Calls past their end were not all ended and are looked at again: ${errorText(error)}`);
      failing = true;
    }
  };
  let running = sweep();
  const timer = setInterval(() => {
    running = running.then(sweep);
  }, sweepMilliseconds);
  timer.unref();
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await running;
    },
  };
}
