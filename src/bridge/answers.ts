import { isJsonObject, type Json, type JsonObject } from '../kernel/canonical-json.ts';
import { errorText, Fault } from '../kernel/fault.ts';
import { createSseDecoder } from '../mcp/sse.ts';
import type { GatewayResponse } from './gateway-connection.ts';
import type { MessageId } from './outgoing.ts';

/** One piece of an answer: a message, or word of how to go on after a break. */
export interface Answer {
  /** One line of JSON; null for a piece without a message. */
  readonly line: string | null;
  readonly messages: readonly JsonObject[];
  readonly eventId: string | null;
  /** Milliseconds to wait before coming back. */
  readonly retry: number | null;
}

/** The messages of a successful answer as they come. Throws Fault `upstream_garbage`, `too_large` or what the transport throws. */
export async function* readAnswers(
  response: GatewayResponse,
  limit: number,
): AsyncGenerator<Answer, void, undefined> {
  const type = (response.headers['content-type'] ?? '').toLowerCase();
  if (!type.startsWith('text/event-stream')) {
    const body = await readWhole(response, limit);
    if (body.length > 0) yield readAnswer(Buffer.from(body).toString('utf8'), null, null);
    return;
  }
  const decoder = createSseDecoder(limit);
  for await (const chunk of response.chunks) {
    for (const { data, id, retry, event } of decoder.push(chunk)) {
      // HTML Living Standard §9.2.6: without data, or of a type that nobody listens to, an event is not dispatched.
      const silent = data === null || data === '' || (event !== null && event !== '' && event !== 'message');
      yield silent ? { line: null, messages: [], eventId: id, retry } : readAnswer(data, id, retry);
    }
  }
}

/** A whole body. Throws Fault `too_large`. */
export async function readWhole(response: GatewayResponse, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.chunks) {
    size += chunk.length;
    if (size > limit) throw new Fault('too_large', `The gateway answered with more than ${limit} octets.`);
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

function readAnswer(text: string, eventId: string | null, retry: number | null): Answer {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch (cause) {
    throw new Fault('upstream_garbage', `The answer is not JSON: ${errorText(cause).slice(0, 100)}`, {
      cause,
    });
  }
  const values: readonly Json[] = Array.isArray(value) ? value : [value];
  const messages = values.filter(isJsonObject);
  if (messages.length !== values.length || messages.some((message) => message['jsonrpc'] !== '2.0')) {
    throw new Fault('upstream_garbage', 'The answer is JSON but not JSON-RPC 2.0.');
  }
  // Inside JSON a line break is white space; a number keeps its digits.
  return { line: text.replace(/[\r\n]+/g, ' '), messages, eventId, retry };
}

/** The id that a message answers, or null when it is no response. */
export function answeredId(message: JsonObject): MessageId | null {
  const { id } = message;
  if (message['method'] !== undefined || !('result' in message || 'error' in message)) return null;
  return typeof id === 'string' || typeof id === 'number' ? id : null;
}
