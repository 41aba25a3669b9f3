import type { Exchange } from '../http/exchange.ts';
import type { Inbound } from '../mcp/message.ts';
import { isJsonObject } from '../kernel/canonical-json.ts';
import type { Attributes, Span } from '../telemetry/span.ts';
import { readTraceContext, type TraceContext } from '../telemetry/trace-context.ts';
import type { Tracer } from '../telemetry/tracer.ts';
import { short } from './record-parts.ts';

/**
 * The span of one exchange with one server, or null when its trace is not taken. The context in `_meta` is of the message and
 * goes before that of the headers, which whatever lies between may have put there; neither decides anything else.
 * Names by the semantic conventions of OpenTelemetry for MCP; no argument, no result, no URI and nothing of a token.
 */
export function beginCallSpan(
  tracer: Tracer,
  exchange: Exchange,
  of: { readonly server: string; readonly inbound: Inbound | null; readonly started: number },
): Span | null {
  const { server, inbound, started } = of;
  const [message] = inbound?.messages ?? [];
  const method = message?.method ?? null;
  const target = message && 'name' in message.target ? message.target.name : null;
  const name = [method ?? exchange.method, target].filter((word) => word !== null).join(' ');
  const callers = contextsOf(exchange, inbound);
  const span = tracer.begin({ name: short(name), kind: 'server', callers, at: started });
  return (
    span?.set({
      ...(method !== null && { 'mcp.method.name': short(method) }),
      ...(inbound && { 'mcp.protocol.version': inbound.revision }),
      ...(inbound?.batch && { 'countersign.batch': inbound.messages.length }),
      ...(target !== null && targetAttributes(method, short(target))),
      'network.protocol.name': 'http',
      'countersign.server': short(server),
      'countersign.exchange': exchange.id,
    }) ?? null
  );
}

function targetAttributes(method: string | null, name: string): Attributes {
  if (method === 'tools/call') return { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': name };
  return method === 'prompts/get' ? { 'gen_ai.prompt.name': name } : {};
}

function contextsOf({ headers }: Exchange, inbound: Inbound | null): readonly TraceContext[] {
  const meta = inbound?.messages[0]?.params['_meta'];
  const ofMessage = isJsonObject(meta) ? readTraceContext(meta['traceparent'], meta['tracestate']) : null;
  const ofHeaders = readTraceContext(headers.get('traceparent'), headers.get('tracestate'));
  return [ofMessage, ofHeaders].filter((context) => context !== null);
}
