import { answerProblem } from '../http/problem.ts';
import type { Connection, Exchange } from '../http/exchange.ts';
import { confirmStanding } from '../identity/standing.ts';
import { Fault, toFault } from '../kernel/fault.ts';
import { answerFault } from './answer-fault.ts';
import { knownCaller } from './caller-of.ts';
import { handle } from './handle.ts';
import type { GatewayPorts } from './ports.ts';

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

const endpoint = /^\/mcp\/([^/]+)$/;

export function createGateway(ports: GatewayPorts): Gateway {
  return {
    async handle(exchange) {
      const server = endpoint.exec(exchange.path)?.[1];
      if (server === undefined) {
        const fault = new Fault('not_found', 'MCP servers are at /mcp/<server> on this listener.');
        return await answerProblem(exchange, fault);
      }
      try {
        await handle(exchange, server, ports);
      } catch (error) {
        await answerFault(exchange, null, toFault(error));
      }
    },
    review(connections) {
      let cut = ports.live.review();
      for (const connection of connections) {
        if (!lostStanding(connection, ports)) continue;
        connection.cut();
        cut += 1;
      }
      return cut;
    },
  };
}

function lostStanding(connection: Connection, ports: GatewayPorts): boolean {
  const caller = knownCaller(connection);
  if (!caller) return false;
  try {
    confirmStanding(caller, ports.view, ports.clock.now());
    return false;
  } catch {
    return true;
  }
}
