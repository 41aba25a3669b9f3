import type { Connection, Exchange } from '../http/exchange.ts';
import type { Caller } from '../identity/caller.ts';
import { confirmStanding } from '../identity/standing.ts';
import { Fault, toFault } from '../kernel/fault.ts';
import { isMetadataPath } from '../oauth/resource/metadata.ts';
import { answerFault } from './answer-fault.ts';
import { answerMetadata } from './answer-metadata.ts';
import { callerOf, knownCaller } from './caller-of.ts';
import { createFederation } from './federation/federation.ts';
import { handle, refuse } from './handle.ts';
import type { GatewayPorts } from './ports.ts';
import { reportInternal } from './report-internal.ts';

/** The data path behind the `agents` listener. */
export interface Gateway {
  /** Answers one exchange of the `agents` listener. */
  handle(exchange: Exchange): Promise<void>;
  /**
   * Looks at every live call and idle connection again; cuts what may not go on. Called when identity or policy
   * changes, and at intervals for what changes with time alone. Returns how many were cut.
   */
  review(connections: Iterable<Connection>): number;
}

const endpoint = '/mcp';

/** The server that a path names; '' for all of them together, null when it names none. */
function serverAt(path: string): string | null {
  if (path === endpoint) return '';
  const name = path.startsWith(`${endpoint}/`) ? path.slice(endpoint.length + 1) : '';
  return name === '' || name.includes('/') ? null : name;
}

export function createGateway(ports: GatewayPorts): Gateway {
  const federation = createFederation(ports);
  return {
    async handle(exchange) {
      const server = serverAt(exchange.path);
      if (server === null) {
        if (isMetadataPath(exchange.path)) return await answerMetadata(exchange, ports);
        const detail = 'MCP servers are at /mcp/<server> on this listener, all of them together at /mcp.';
        const seen = { caller: callerOrNull(exchange.connection, ports), grant: null, inbound: null };
        return await refuse(exchange, '', seen, new Fault('not_found', detail), ports);
      }
      try {
        await (server === '' ? federation.handle(exchange) : handle(exchange, server, ports));
      } catch (error) {
        const fault = toFault(error);
        reportInternal(fault, ports.log);
        await answerFault(exchange, null, fault, ports);
      }
    },
    review(connections) {
      let cut = ports.live.review();
      federation.review();
      for (const connection of connections) {
        if (!lostStanding(connection, ports)) continue;
        connection.cut();
        cut += 1;
      }
      return cut;
    },
  };
}

/** Who asks, for the record of a refusal; a certificate that names nobody is told apart by the address alone. */
function callerOrNull(connection: Connection, ports: GatewayPorts): Caller | null {
  try {
    return callerOf(connection, ports.view.trustDomain);
  } catch {
    return null;
  }
}

function lostStanding(connection: Connection, ports: GatewayPorts): boolean {
  const caller = knownCaller(connection);
  if (!caller) return false;
  try {
    confirmStanding(caller, ports.view, ports.clock.now());
    return false;
  } catch (error) {
    // A certificate just issued may be ahead of the news of it: its requests wait for that, and none is let through.
    return toFault(error).code !== 'certificate_unknown';
  }
}
