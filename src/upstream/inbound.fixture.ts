import { utf8 } from '../kernel/bytes.ts';
import { isJsonObject, type Json, type JsonObject } from '../kernel/canonical-json.ts';
import type { Inbound, Message } from '../mcp/message.ts';
import type { UpstreamRequest, UpstreamResponse } from './upstream.ts';

/** A body as the gateway would permit it, for specifications of upstreams. */
export function inboundOf(era: Inbound['era'], ...values: readonly JsonObject[]): Inbound {
  const revision = era === 'modern' ? '2026-07-28' : '2025-11-25';
  const messages = values.map((value): Message => {
    const method = typeof value['method'] === 'string' ? value['method'] : null;
    const id = typeof value['id'] === 'string' || typeof value['id'] === 'number' ? value['id'] : null;
    const params = isJsonObject(value['params']) ? value['params'] : {};
    const kind = method === null ? 'response' : id === null ? 'notification' : 'request';
    return { kind, era, revision, id, method, params, target: { kind: 'server' }, arguments: {}, value };
  });
  const batch = values.length > 1;
  const bytes = utf8(JSON.stringify(batch ? values : values[0]));
  return { messages, batch, era, revision, bytes };
}

/** A POST of one message or a batch. */
export function post(
  era: Inbound['era'],
  values: JsonObject | readonly JsonObject[],
  more: Partial<UpstreamRequest> = {},
): UpstreamRequest {
  const list = Array.isArray(values) ? (values as readonly JsonObject[]) : [values as JsonObject];
  return {
    method: 'POST',
    headers: {},
    inbound: inboundOf(era, ...list),
    caller: 'spiffe://example.internal/agent/ci-bot',
    signal: new AbortController().signal,
    ...more,
  };
}

/** The text of an answer. */
export async function textOf(response: UpstreamResponse): Promise<string> {
  if (response.body instanceof Uint8Array) return Buffer.from(response.body).toString();
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** The one JSON message of an answer. */
export async function jsonOf(response: UpstreamResponse): Promise<JsonObject> {
  return JSON.parse(await textOf(response)) as JsonObject;
}

/** The messages of an event stream that has ended. */
export async function eventsOf(response: UpstreamResponse): Promise<readonly Json[]> {
  const text = await textOf(response);
  return [...text.matchAll(/^data: (.+)$/gm)].map(([, data]) => JSON.parse(data ?? '') as Json);
}

/** Takes the messages of an event stream one at a time while it is open. */
export function eventReader(response: UpstreamResponse): { next(): Promise<Json>; leave(): Promise<void> } {
  if (response.body instanceof Uint8Array) throw new Error('the answer is whole');
  const chunks = response.body[Symbol.asyncIterator]();
  let text = '';
  return {
    async next() {
      for (;;) {
        const end = text.indexOf('\n\n');
        if (end !== -1) {
          const event = text.slice(0, end);
          text = text.slice(end + 2);
          return JSON.parse(/^data: (.+)$/m.exec(event)?.[1] ?? 'null') as Json;
        }
        const step = await chunks.next();
        if (step.done) throw new Error('the stream ended');
        text += Buffer.from(step.value).toString();
      }
    },
    async leave() {
      await chunks.return?.();
    },
  };
}
