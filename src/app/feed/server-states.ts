import type { Clock } from '../../kernel/clock.ts';
import { errorText } from '../../kernel/fault.ts';

/** How one gateway finds one MCP server. */
export interface ServerState {
  readonly name: string;
  /** `idle`: nothing is known to be wrong and nothing is open. */
  readonly state: 'up' | 'down' | 'idle';
  /** `open`: the server is left alone for a moment after it failed; `half-open`: one call at a time tries it. */
  readonly circuit: 'closed' | 'open' | 'half-open';
  /** Agents that are kept from the server because it failed for them alone. */
  readonly agentsLeftAlone: number;
  readonly detail: string;
}

/** A state as it is shown: whose view it is, and of when. */
export interface ReportedState extends Omit<ServerState, 'name'> {
  readonly gateway: string;
  /** Epoch milliseconds. */
  readonly heardAt: number;
}

/** What gateways said of servers of late. Nothing is decided by it, so it is kept in memory alone. */
export interface ServerStates {
  heard(gateway: string, states: readonly ServerState[]): void;
  of(server: string): readonly ReportedState[];
}

/** A gateway that was not heard for so long is gone, and what it said is old. */
const keptMilliseconds = 60_000;
/** Gateways that are remembered. */
const mostGateways = 1_000;

export function createServerStates(clock: Clock): ServerStates {
  const reports = new Map<string, { readonly at: number; readonly states: readonly ServerState[] }>();
  return {
    heard(gateway, states) {
      reports.delete(gateway);
      reports.set(gateway, { at: clock.now(), states });
      const [oldest] = reports.keys();
      if (reports.size > mostGateways && oldest !== undefined) reports.delete(oldest);
    },
    of(server) {
      const since = clock.now() - keptMilliseconds;
      return [...reports].flatMap(([gateway, { at, states }]) =>
        states
          .filter(({ name }) => at >= since && name === server)
          .map(({ state, circuit, agentsLeftAlone, detail }) => ({
            gateway,
            state,
            circuit,
            agentsLeftAlone,
            detail,
            heardAt: at,
          })),
      );
    },
  };
}

/** How often a gateway looks whether something changed, and tells what did not, in milliseconds. */
const lookMilliseconds = 500;
const repeatMilliseconds = 20_000;

/** Tells the registry what a gateway knows of its servers: at once when that changes, and now and then. */
export function tellServerStates(options: {
  readonly states: () => readonly ServerState[];
  readonly tell: (states: readonly ServerState[]) => Promise<void>;
  readonly clock: Clock;
  /** Told once of a failure that lasts. */
  readonly complain: (line: string) => void;
}): Disposable {
  const { states, tell, clock, complain } = options;
  let told = '[]';
  let toldAt = clock.monotonic();
  let busy = false;
  let failing = false;
  const look = async (): Promise<void> => {
    const now = states();
    const text = JSON.stringify(now);
    if (busy || (text === told && clock.monotonic() - toldAt < repeatMilliseconds)) return;
    busy = true;
    try {
      toldAt = clock.monotonic();
      await tell(now);
      told = text;
      failing = false;
    } catch (error) {
      // Again when something changes, or with the next repetition.
      told = text;
      if (!failing) complain(`The registry was not told how servers are: ${errorText(error)}`);
      failing = true;
    } finally {
      busy = false;
    }
  };
  const timer = setInterval(() => void look(), lookMilliseconds);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
