import { utf8 } from '../kernel/bytes.ts';
import { isJsonObject, type JsonObject } from '../kernel/canonical-json.ts';
import type { Inbound, Message } from './message.ts';

/**
 * The body with other members of trace context in the `_meta` of its requests (MCP 2026-07-28, General fields); nothing
 * else of it changes. It is serialised anew.
 */
export function withTraceContext(
  inbound: Inbound,
  { parent, state }: { readonly parent: string; readonly state: string | null },
): Inbound {
  const messages = inbound.messages.map((message) => {
    if (message.kind !== 'request') return message;
    const given = message.params['_meta'];
    const { traceparent: _parent, tracestate: _state, ...kept } = isJsonObject(given) ? given : {};
    const _meta = { ...kept, traceparent: parent, ...(state !== null && { tracestate: state }) };
    return withParams(message, { ...message.params, _meta });
  });
  const values = messages.map(({ value }) => value);
  return { ...inbound, messages, bytes: utf8(JSON.stringify(inbound.batch ? values : values[0])) };
}

function withParams(message: Message, params: JsonObject): Message {
  return { ...message, params, value: { ...message.value, params } };
}
