import type { Exchange } from '../http/exchange.ts';
import { listen } from '../http/listen.ts';
import { answerProblem, problemStatus } from '../http/problem.ts';
import type { Clock } from '../kernel/clock.ts';
import { Fault, toFault } from '../kernel/fault.ts';
import { forwardHeaders } from '../mcp/forward-headers.ts';
import { eraOf } from '../mcp/revisions.ts';
import { readWhole } from './answers.ts';
import { faultAnswer } from './error-answer.ts';
import type { GatewayConnection, GatewayResponse } from './gateway-connection.ts';
import type { BridgeLimits } from './limits.ts';
import type { RunningFace } from './stdio-face.ts';

/** The path on the loopback port. */
const path = '/mcp';
const methods: ReadonlySet<string> = new Set(['POST', 'GET', 'DELETE']);
const bodyMilliseconds = 30_000;
const smallBody = 1024 * 1024;

/**
 * Passes MCP over plain HTTP on a loopback port on to the gateway, as it is: the era, the session and the streams are
 * the client's own. Throws Fault `port_taken`.
 */
export async function startHttpFace(options: {
  readonly port: number;
  readonly gateway: GatewayConnection;
  readonly limits: BridgeLimits;
  readonly clock: Clock;
}): Promise<RunningFace & { readonly url: string }> {
  const { port, gateway, limits, clock } = options;
  const listener = await listen({
    name: 'bridge',
    host: '127.0.0.1',
    port,
    tls: null,
    hosts: [],
    origins: [],
    handle: (exchange) => handle(exchange, gateway, limits),
    clock,
  });
  const over = Promise.withResolvers<number>();
  return {
    url: `${listener.url}${path}`,
    ended: over.promise,
    async [Symbol.asyncDispose]() {
      await listener.close();
      over.resolve(0);
    },
  };
}

async function handle(exchange: Exchange, gateway: GatewayConnection, limits: BridgeLimits): Promise<void> {
  if (exchange.path !== path) {
    return await answerProblem(exchange, new Fault('not_found', `The bridge answers at ${path} only.`));
  }
  if (!methods.has(exchange.method)) {
    const fault = new Fault('method_not_allowed', `MCP has POST, GET and DELETE, not ${exchange.method}.`);
    return await answerProblem(exchange, fault, { allow: [...methods].join(', ') });
  }
  let body: Uint8Array | null = null;
  try {
    if (exchange.method === 'POST') {
      body = await exchange.body({ bytes: limits.lineBytes, milliseconds: bodyMilliseconds });
    }
    const response = await gateway.send({
      method: exchange.method,
      headers: requestHeaders(exchange),
      ...(body === null ? {} : { body }),
      signal: exchange.closed,
    });
    await pass(exchange, response);
  } catch (error) {
    if (exchange.closed.aborted) return;
    // With the head out, only a broken end tells the client that the answer is incomplete.
    if (exchange.answered) throw error;
    const fault = toFault(error);
    await exchange.respond(
      problemStatus[fault.code],
      { 'content-type': 'application/json', 'cache-control': 'no-store' },
      JSON.stringify(faultAnswer(body === null ? null : idOf(body), fault)),
    );
  }
}

/** The MCP headers; a credential, a cookie or a name the client gave itself stays here. */
function requestHeaders(exchange: Exchange): Record<string, string> {
  const session = exchange.headers.get('mcp-session-id');
  const era = eraOf(exchange.headers.get('mcp-protocol-version') ?? '');
  return {
    ...forwardHeaders(exchange.headers, era),
    ...(session === null ? {} : { 'mcp-session-id': session }),
  };
}

const passed: ReadonlySet<string> = new Set([
  'content-type',
  'cache-control',
  'retry-after',
  'allow',
  'x-accel-buffering',
]);

async function pass(exchange: Exchange, response: GatewayResponse): Promise<void> {
  const headers = Object.fromEntries(
    Object.entries(response.headers).filter(([name]) => passed.has(name) || name.startsWith('mcp-')),
  );
  if (response.headers['content-type'] === undefined) {
    const body = await readWhole(response, smallBody);
    return await exchange.respond(response.status, headers, body.length > 0 ? body : undefined);
  }
  const stream = exchange.stream(response.status, headers);
  try {
    for await (const chunk of response.chunks) await stream.write(chunk);
    await stream.end();
  } catch (error) {
    stream.abort();
    throw error;
  }
}

function idOf(body: Uint8Array): string | number | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(body).toString('utf8'));
    const id = typeof value === 'object' && value !== null && 'id' in value ? value.id : null;
    return typeof id === 'string' || typeof id === 'number' ? id : null;
  } catch {
    return null;
  }
}
