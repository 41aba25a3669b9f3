import { createHash } from 'node:crypto';
import type { Exchange } from '../http/exchange.ts';
import { utf8 } from '../kernel/bytes.ts';
import { isJsonObject, type Json, type JsonObject } from '../kernel/canonical-json.ts';
import { Fault } from '../kernel/fault.ts';
import { parseJson } from '../kernel/parse-json.ts';
import { filterList, listTargets } from '../mcp/filter-list.ts';
import type { Message, Target } from '../mcp/message.ts';
import { createSseDecoder, encodeSseEvent } from '../mcp/sse.ts';
import type { UpstreamResponse } from '../upstream/upstream.ts';
import type { Outcome } from './record.ts';

/** What the relay needs to know of the request it answers. */
export interface Relaying {
  /** The requests of the body, whose responses may be lists to filter. */
  readonly requests: readonly Message[];
  /** Whether the caller may use an item of a list. */
  readonly mayUse: (action: string, target: Target) => boolean;
  /** Session id as the client shall see it, or null to send none. */
  readonly session: string | null;
}

type Sent = Pick<Outcome, 'status' | 'bytes' | 'resultHash'>;

/**
 * Streams the upstream's answer to the caller. Lists are filtered by the policy that judges the calls; everything
 * else keeps its octets. Throws Fault `upstream_garbage` before the first octet is sent, never after it.
 */
export async function relay(
  exchange: Exchange,
  response: UpstreamResponse,
  relaying: Relaying,
): Promise<Sent> {
  const headers = responseHeaders(response, relaying.session);
  const type = response.headers['content-type'] ?? '';
  const filtering = relaying.requests.some((message) => listTargets(message.method) !== null);
  if (type.startsWith('text/event-stream')) {
    return await relayStream(exchange, response, headers, filtering ? relaying : null);
  }
  return await relayWhole(exchange, response, headers, filtering ? relaying : null);
}

function responseHeaders(response: UpstreamResponse, session: string | null): Record<string, string> {
  const headers: Record<string, string> = { ...response.headers };
  delete headers['mcp-session-id'];
  delete headers['content-length'];
  if (session !== null) headers['mcp-session-id'] = session;
  headers['cache-control'] = 'no-store';
  if (headers['content-type']?.startsWith('text/event-stream')) headers['x-accel-buffering'] = 'no';
  return headers;
}

async function relayWhole(
  exchange: Exchange,
  response: UpstreamResponse,
  headers: Record<string, string>,
  filtering: Relaying | null,
): Promise<Sent> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body) chunks.push(chunk);
  let body: Uint8Array = chunks.length === 1 && chunks[0] ? chunks[0] : new Uint8Array(Buffer.concat(chunks));
  if (filtering && body.length > 0) body = utf8(JSON.stringify(filterAnswer(readAnswer(body), filtering)));
  await exchange.respond(response.status, headers, body.length > 0 ? body : undefined);
  return {
    status: response.status,
    bytes: body.length,
    resultHash: createHash('sha256').update(body).digest('base64url'),
  };
}

async function relayStream(
  exchange: Exchange,
  response: UpstreamResponse,
  headers: Record<string, string>,
  filtering: Relaying | null,
): Promise<Sent> {
  const hash = createHash('sha256');
  let bytes = 0;
  const stream = exchange.stream(response.status, headers);
  const send = async (chunk: Uint8Array): Promise<void> => {
    hash.update(chunk);
    bytes += chunk.length;
    await stream.write(chunk);
  };
  const decoder = filtering ? createSseDecoder() : null;
  try {
    for await (const chunk of response.body) {
      if (!decoder || !filtering) {
        await send(chunk);
        continue;
      }
      for (const event of decoder.push(chunk)) {
        if (event.data === null || event.data === '') {
          await send(utf8(encodeSseEvent(event)));
          continue;
        }
        const answer = filterAnswer(readAnswer(event.data), filtering);
        await send(utf8(encodeSseEvent({ ...event, data: JSON.stringify(answer) })));
      }
    }
    await stream.end();
  } catch (error) {
    stream.abort();
    throw error;
  }
  return { status: response.status, bytes, resultHash: hash.digest('base64url') };
}

function readAnswer(body: Uint8Array | string): Json {
  try {
    return parseJson(body, { depth: 128, values: 1_000_000 });
  } catch (cause) {
    throw new Fault(
      'upstream_garbage',
      'The MCP server answered with something that is not one JSON message.',
      { cause },
    );
  }
}

function filterAnswer(answer: Json, relaying: Relaying): Json {
  if (Array.isArray(answer)) return answer.map((element: Json) => filterAnswer(element, relaying));
  if (!isJsonObject(answer) || !isJsonObject(answer['result'])) return answer;
  const request = relaying.requests.find((message) => message.id === answer['id']);
  if (!request || listTargets(request.method) === null) return answer;
  return { ...answer, result: filterResult(request, answer['result'], relaying) };
}

function filterResult(request: Message, result: JsonObject, relaying: Relaying): JsonObject {
  const action = listTargets(request.method);
  if (action === null || request.method === null) return result;
  return filterList(request.method, result, (target) => relaying.mayUse(action, target));
}
