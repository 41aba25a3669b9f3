import { errorText } from '../../kernel/fault.ts';
import { alertWaitingCalls } from '../approvals/alert-waiting-calls.ts';
import type { Authority } from '../authority/authority.ts';

/** How often it is looked for calls that are past their end, in milliseconds. */
const sweepMilliseconds = 5_000;

/** Ends calls that nobody decided or made in time, and alerts of those that wait, for as long as the authority works. */
export function watchCallApprovals(options: {
  readonly authority: Pick<Authority, 'callApprovals' | 'store' | 'clock' | 'issuer'>;
  /** Says that there is a message for the receiver of alerts; null when there is nobody to tell. */
  readonly receiver: (() => void) | null;
  readonly log: (line: string) => void;
}): AsyncDisposable {
  const { authority, receiver, log } = options;
  const { callApprovals, store, clock, issuer } = authority;
  const parts = {
    alerts: store.alerts,
    records: store.callApprovals,
    now: clock.now,
    trustDomain: issuer.trustDomain,
    receiver,
  };
  let failing = false;
  let running: Promise<void> = Promise.resolve();
  let again = false;
  const look = async (): Promise<void> => {
    again = false;
    try {
      await callApprovals.sweep();
      await alertWaitingCalls(parts);
      failing = false;
    } catch (error) {
      if (!failing) log(`Calls that wait were not all looked at, and are again soon: ${errorText(error)}`);
      failing = true;
    }
  };
  /** One look after the other; whatever changes while one waits for its turn is in it. */
  const soon = (): void => {
    if (again) return;
    again = true;
    running = running.then(look);
  };
  soon();
  const stop = callApprovals.onChange(soon);
  const timer = setInterval(soon, sweepMilliseconds);
  timer.unref();
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      stop();
      await running;
    },
  };
}
