import type { Exchange } from '../../http/exchange.ts';
import { toFault } from '../../kernel/fault.ts';
import { readTraceContext } from '../../telemetry/trace-context.ts';
import type { Tracer } from '../../telemetry/tracer.ts';

/** The doors of the authority by the beginning of their paths; what follows may name an account, an order or a link. */
const routes: readonly string[] = [
  '/token',
  '/introspect',
  '/revoke',
  '/acme/',
  '/.well-known/est/',
  '/scep',
  '/v1/enrol/',
  '/v1/renew',
  '/v1/admin/',
  '/v1/feed',
  '/v1/',
];

/** Carries out one request to the authority in a span of its own. No path, header or body is told, only which door. */
export async function tracedExchange(
  tracer: Tracer | null,
  listener: string,
  exchange: Exchange,
  carryOut: () => Promise<void>,
): Promise<void> {
  if (!tracer) return await carryOut();
  const { headers, method, path, id } = exchange;
  const route = routes.find((beginning) => path.startsWith(beginning)) ?? '_OTHER';
  const caller = readTraceContext(headers.get('traceparent'), headers.get('tracestate'));
  const span = tracer.begin({ name: `${method} ${route}`, kind: 'server', callers: caller ? [caller] : [] });
  span?.set({ 'http.request.method': method, 'http.route': route, 'countersign.listener': listener });
  span?.set({ 'countersign.exchange': id });
  try {
    await carryOut();
    span?.end();
  } catch (error) {
    span?.end(toFault(error).code);
    throw error;
  }
}
