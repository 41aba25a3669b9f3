import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { parseJson } from '../../kernel/parse-json.ts';
import { createSseDecoder } from '../../mcp/sse.ts';
import type { UpstreamResponse } from '../upstream.ts';

/** Where an event stream can be taken up again (MCP 2025-11-25, Resumability). */
export interface StreamPosition {
  lastEventId: string | null;
  retryMilliseconds: number | null;
}

/**
 * The JSON-RPC messages of a server's answer, as they come. Throws Fault `upstream_garbage` for what is none, and
 * whatever the body throws. Notes on the way where the stream stands.
 */
export async function* readMessages(
  response: UpstreamResponse,
  position?: StreamPosition,
): AsyncGenerator<JsonObject, void, undefined> {
  const { body } = response;
  if (body instanceof Uint8Array) {
    if (body.length > 0) yield* messagesOf(body);
    return;
  }
  const decoder = createSseDecoder();
  for await (const chunk of body) {
    for (const event of decoder.push(chunk)) {
      if (position && event.id !== null) position.lastEventId = event.id;
      if (position && event.retry !== null) position.retryMilliseconds = event.retry;
      if (event.data === null || event.data === '') continue;
      if (event.event === null || event.event === 'message') yield* messagesOf(event.data);
    }
  }
}

function messagesOf(text: Uint8Array | string): readonly JsonObject[] {
  const value = read(text);
  const values = isJsonArray(value) ? value : [value];
  const messages = values.filter(isJsonObject);
  if (messages.length !== values.length) throw notMcp();
  return messages;
}

function read(text: Uint8Array | string): Json {
  try {
    return parseJson(text, { depth: 128, values: 1_000_000 });
  } catch (cause) {
    throw notMcp(cause);
  }
}

function notMcp(cause?: unknown): Fault {
  return new Fault('upstream_garbage', 'The MCP server answered with something that is not JSON-RPC.', {
    cause,
  });
}
