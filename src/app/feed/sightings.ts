import type { CallLog } from '../../audit/audit-log.ts';
import type { Clock } from '../../kernel/clock.ts';
import { errorText } from '../../kernel/fault.ts';

/** When agents were last admitted, in epoch milliseconds, by name. */
export type Seen = Readonly<Record<string, number>>;

/** Notes whom a gateway admits and tells the registry now and then. */
export interface Sightings extends AsyncDisposable {
  /** The log itself, with every agent noted whose call it records as permitted. */
  readonly log: CallLog;
}

const everyMilliseconds = 5_000;

/**
 * Nothing is decided by the last sight of an agent, so it may come late and in one piece for many calls. What could not
 * be told is told with the next.
 */
export function createSightings(options: {
  readonly log: CallLog;
  readonly clock: Clock;
  readonly tell: (seen: Seen) => Promise<void>;
  /** Told once of a failure that lasts. */
  readonly complain: (line: string) => void;
  readonly every?: number;
}): Sightings {
  const { log, clock, tell, complain } = options;
  let seen = new Map<string, number>();
  let failing = false;
  let telling: Promise<void> = Promise.resolve();

  const tellNow = async (): Promise<void> => {
    if (seen.size === 0) return;
    const sent = seen;
    seen = new Map();
    try {
      await tell(Object.fromEntries(sent));
      failing = false;
    } catch (error) {
      seen = new Map([...sent, ...seen]);
      if (!failing) complain(`The registry was not told when agents were last seen: ${errorText(error)}`);
      failing = true;
    }
  };
  const turn = (): Promise<void> => {
    telling = telling.then(tellNow);
    return telling;
  };
  const timer = setInterval(() => void turn(), options.every ?? everyMilliseconds);
  timer.unref();
  return {
    log: {
      note: (event) => log.note(event),
      append(event) {
        const { agent } = event;
        // The registry has no record of a partner's caller, whose name is a SPIFFE ID.
        const ours = typeof agent === 'string' && !agent.startsWith('spiffe:');
        if (event.type === 'call.permitted' && ours) seen.set(agent, clock.now());
        return log.append(event);
      },
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await turn();
    },
  };
}
