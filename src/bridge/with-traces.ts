import { isJsonObject, type Json, type JsonObject } from '../kernel/canonical-json.ts';
import { utf8 } from '../kernel/bytes.ts';
import { toFault } from '../kernel/fault.ts';
import type { Span } from '../telemetry/span.ts';
import { readTraceContext, traceParent } from '../telemetry/trace-context.ts';
import type { Tracer } from '../telemetry/tracer.ts';
import type { GatewayConnection, GatewayRequest, GatewayResponse } from './gateway-connection.ts';

/**
 * A connection whose requests are spans: each goes on in the trace that the client says it is part of, and tells the
 * gateway so in its `_meta` and headers. Signatures are made over what is sent then.
 */
export function withTraces(connection: GatewayConnection, tracer: Tracer): GatewayConnection {
  return {
    peer: connection.peer,
    async send(request) {
      const traced = traceOf(request, tracer);
      if (!traced) return await connection.send(request);
      const { span } = traced;
      try {
        const response = await connection.send(traced.request);
        span.set({ 'http.response.status_code': response.status });
        return { ...response, chunks: untilOver(response.chunks, span) };
      } catch (error) {
        span.end(toFault(error).code);
        throw error;
      }
    },
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}

/** The request in its trace; null for one that is no message, or whose trace is not taken. */
function traceOf(
  request: GatewayRequest,
  tracer: Tracer,
): { readonly span: Span; readonly request: GatewayRequest } | null {
  const message = request.body ? messageIn(request.body) : null;
  if (!message || typeof message['method'] !== 'string') return null;
  const params = isJsonObject(message['params']) ? message['params'] : {};
  const meta = isJsonObject(params['_meta']) ? params['_meta'] : {};
  const caller = readTraceContext(meta['traceparent'], meta['tracestate']);
  const name = message['method'].slice(0, 200);
  const span = tracer.begin({ name, kind: 'client', callers: caller ? [caller] : [] });
  if (!span) return null;
  span.set({ 'mcp.method.name': name });
  const parent = traceParent(span.context);
  const { state } = span.context;
  const _meta = { ...meta, traceparent: parent };
  const value = { ...message, params: { ...params, _meta } };
  const headers = { ...request.headers, traceparent: parent, ...(state !== null && { tracestate: state }) };
  return { span, request: { ...request, headers, body: utf8(JSON.stringify(value)) } };
}

/** A request by itself; what is no JSON, a batch and a notification are left as they are. */
function messageIn(body: Uint8Array): JsonObject | null {
  try {
    const value = JSON.parse(Buffer.from(body).toString()) as Json;
    return isJsonObject(value) && Object.hasOwn(value, 'id') ? value : null;
  } catch {
    return null;
  }
}

/** The span is over with the answer, or when nobody reads it any more. */
async function* untilOver(
  chunks: GatewayResponse['chunks'],
  span: Span,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* chunks;
  } catch (error) {
    span.end(toFault(error).code);
    throw error;
  } finally {
    span.end();
  }
}
