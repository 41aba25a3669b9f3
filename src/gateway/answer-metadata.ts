import type { Exchange } from '../http/exchange.ts';
import { answerProblem } from '../http/problem.ts';
import { Fault, toFault } from '../kernel/fault.ts';
import { callerOf } from './caller-of.ts';
import { standingOf } from './handle.ts';
import type { GatewayPorts } from './ports.ts';

/**
 * Answers with the metadata of a protected resource (RFC 9728 §3.2): to every agent, since whoever has no token yet begins
 * here. It counts as a call of the agent.
 */
export async function answerMetadata(exchange: Exchange, ports: GatewayPorts): Promise<void> {
  try {
    const caller = callerOf(exchange.connection, ports.view.trustDomain);
    using _place = await ports.limits.enter(await standingOf(caller, ports));
    if (exchange.method !== 'GET') {
      const fault = new Fault('method_not_allowed', `Metadata is read with GET, not ${exchange.method}.`);
      return await answerProblem(exchange, fault, { allow: 'GET' });
    }
    const metadata = ports.tokens.metadataAt(exchange.path);
    if (!metadata) throw new Fault('not_found', 'No MCP server that wants tokens has its metadata here.');
    const headers = { 'content-type': 'application/json', 'cache-control': 'max-age=60' };
    await exchange.respond(200, headers, JSON.stringify(metadata));
  } catch (error) {
    await answerProblem(exchange, toFault(error));
  }
}
