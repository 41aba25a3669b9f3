import type { Exchange } from '../../http/exchange.ts';
import { separateServers } from './exposed-names.ts';
import { federate } from './federate.ts';
import { createNameTables, type NameTables } from './name-tables.ts';
import { createPatience, type Patience } from './patience.ts';
import { createSessions, type Sessions } from './sessions.ts';
import { createWatchers, type Watchers } from './watchers.ts';
import type { GatewayPorts } from '../ports.ts';

/** What the endpoint of all servers needs besides what every request needs. */
export interface FederationPorts {
  /** The names of the registered servers as of now. */
  readonly servers: () => Iterable<string>;
  readonly limits: FederationLimits;
  /** What this gateway calls itself to clients. */
  readonly version: string;
}

export interface FederationLimits {
  /** How long a list of all servers waits for one of them. */
  readonly listMilliseconds: number;
  /** Sessions of one agent with all servers at once. */
  readonly sessionsPerAgent: number;
  /** How long a session that nobody uses is kept. */
  readonly idleMilliseconds: number;
  /** After how long without an event a stream of all servers is ended. */
  readonly silentMilliseconds: number;
}

/** The endpoint of all servers: what it remembers between exchanges. */
export interface Federation {
  handle(exchange: Exchange): Promise<void>;
  /** Looks whether servers, policies or agents changed: open streams are told, what is over is forgotten. */
  review(): void;
}

/** What the parts of the endpoint share. */
export interface FederationState {
  readonly names: NameTables;
  readonly sessions: Sessions;
  readonly watchers: Watchers;
  readonly patience: Patience;
  /** The servers that are offered together, in order. */
  together(): readonly string[];
}

export function createFederation(ports: GatewayPorts): Federation {
  const { federation, clock, view } = ports;
  const sessions = createSessions(clock, ports.handles, {
    perAgent: federation.limits.sessionsPerAgent,
    idleMilliseconds: federation.limits.idleMilliseconds,
  });
  const names = createNameTables();
  const watchers = createWatchers(ports);
  let seen = '';
  let together: readonly string[] = [];
  const look = (): readonly string[] => {
    const servers = [...federation.servers()].sort();
    if (JSON.stringify(servers) === seen) return together;
    seen = JSON.stringify(servers);
    const separated = separateServers(servers);
    together = separated.together;
    names.keep(new Set(together));
    for (const [server, why] of separated.apart) {
      ports.log(`Server ${server} is not offered with all servers, only at /mcp/${server}: ${why}.`);
    }
    return together;
  };
  const patience = createPatience(clock, federation.limits.listMilliseconds);
  const state: FederationState = { names, sessions, watchers, patience, together: look };
  return {
    handle: (exchange) => federate(exchange, ports, state),
    review() {
      sessions.review((agent) => view.agent(agent)?.state === 'active');
      watchers.review(look());
    },
  };
}
