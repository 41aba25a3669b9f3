import type { Webhook } from '../../http/webhook.ts';
import { errorText } from '../../kernel/fault.ts';
import { randomFraction } from '../../kernel/random.ts';
import type { AlertMessage, AlertRecords } from '../store/alert-records.ts';

/** Tells the receiver of alerts what waits for it, in order, until it is taken. */
export interface AlertTeller extends AsyncDisposable {
  /** There may be something to tell. */
  wake(): void;
  /** Why the last message was not taken, or null. */
  problem(): string | null;
}

const firstPause = 1_000;
const longestPause = 5 * 60_000;

/** `pause`: how long to wait after the first failure, in milliseconds; it doubles up to five minutes. */
export function tellAlerts(options: {
  readonly alerts: Pick<AlertRecords, 'nextMessage' | 'taken'>;
  readonly webhook: Pick<Webhook, 'tell'>;
  readonly log: (line: string) => void;
  /** Whether it is this authority that tells; always unless given. */
  readonly isTeller?: () => boolean;
  readonly pause?: number;
}): AlertTeller {
  const { alerts, webhook, log, pause = firstPause, isTeller = () => true } = options;
  let problem: string | null = null;
  let failures = 0;
  let timer: NodeJS.Timeout | null = null;
  let running: Promise<void> | null = null;
  let again = false;
  const ending = new AbortController();
  const next = async (): Promise<AlertMessage | null> =>
    ending.signal.aborted || !isTeller() ? null : await alerts.nextMessage();

  const tellAll = async (): Promise<void> => {
    for (let message = await next(); message; message = await next()) {
      await webhook.tell(message.body, message.id);
      await alerts.taken(message.sequence);
      failures = 0;
      problem = null;
    }
  };
  const failed = (error: unknown): void => {
    const text = errorText(error);
    // Said once for a failure that lasts.
    if (problem === null) log(`The receiver of alerts did not take one; it is told again: ${text}`);
    problem = text;
    const length =
      Math.min(longestPause, pause * 2 ** Math.min(failures, 20)) * (0.75 + randomFraction() / 2);
    failures += 1;
    if (!ending.signal.aborted) timer = setTimeout(run, length).unref();
  };
  function run(): void {
    timer = null;
    again = false;
    running = tellAll()
      .catch(failed)
      .finally(() => {
        running = null;
        // What came after the last look, unless a pause is on.
        if (again && !timer && !ending.signal.aborted) run();
      });
  }
  run();
  return {
    wake() {
      again = true;
      // While it fails the pause decides, or a flood of alerts would be a flood of attempts.
      if (!running && !timer && !ending.signal.aborted) run();
    },
    problem: () => problem,
    async [Symbol.asyncDispose]() {
      ending.abort();
      if (timer) clearTimeout(timer);
      await running;
    },
  };
}
