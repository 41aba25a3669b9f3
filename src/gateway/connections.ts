import type { Connection } from '../http/exchange.ts';
import type { Clock } from '../kernel/clock.ts';
import { Fault, toFault } from '../kernel/fault.ts';
import { callerOf } from './caller-of.ts';

export interface ConnectionLimitOptions {
  readonly clock: Clock;
  readonly trustDomain: string;
  /** Connections that one agent may have open. */
  readonly most: number;
}

/** New connections of one agent in a second that are read at once. */
const freshPerSecond = 32;
/** How long further ones wait for their first request to be read, in milliseconds. */
const restMilliseconds = 1_000;

interface Held {
  open: number;
  second: number;
  fresh: number;
}

/**
 * Counts connections when their handshake is done: one agent has so many, and one that opens a new one for every
 * request is slowed down, because a handshake costs more than a request. Gives why a connection may not stay, or null.
 * A certificate that no request would be accepted with is told so at its first request.
 */
export function createConnectionLimit(
  options: ConnectionLimitOptions,
): (connection: Connection) => Fault | null {
  const agents = new Map<string, Held>();
  return (connection) => {
    const agent = agentBehind(connection, options.trustDomain);
    if (agent === null) return null;
    const second = Math.floor(options.clock.monotonic() / 1_000);
    let held = agents.get(agent);
    if (!held) agents.set(agent, (held = { open: 0, second, fresh: 0 }));
    if (held.open >= options.most) {
      return new Fault(
        'limit_reached',
        `Agent ${agent} has ${held.open} connections open, the most allowed.`,
      );
    }
    held.open += 1;
    if (held.second !== second) Object.assign(held, { second, fresh: 0 });
    held.fresh += 1;
    if (held.fresh > freshPerSecond) connection.rest(restMilliseconds);
    const mine = held;
    const closed = (): void => {
      mine.open -= 1;
      if (mine.open === 0) forgetLater(agents, agent, mine);
    };
    if (connection.closed.aborted) closed();
    else connection.closed.addEventListener('abort', closed, { once: true });
    return null;
  };
}

/** Kept for the second in which it may come again; agents are registered, so there are never many. */
function forgetLater(agents: Map<string, Held>, agent: string, held: Held): void {
  const timer = setTimeout(() => {
    if (held.open === 0 && agents.get(agent) === held) agents.delete(agent);
  }, restMilliseconds);
  timer.unref();
}

function agentBehind(connection: Connection, trustDomain: string): string | null {
  try {
    return callerOf(connection, trustDomain).name;
  } catch (error) {
    // Anything but a refusal is an error of ours.
    if (toFault(error).code === 'internal') throw error;
    return null;
  }
}
