import type { Exchange } from '../http/exchange.ts';
import { sha256Base64url, utf8 } from '../kernel/bytes.ts';
import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../kernel/canonical-json.ts';
import { Fault } from '../kernel/fault.ts';
import { nestsWithin } from '../kernel/nests-within.ts';
import { parseJson } from '../kernel/parse-json.ts';
import { rememberedFor } from '../kernel/remembered-for.ts';
import { RunningHash } from '../kernel/running-hash.ts';
import { adaptResult, isAdapted } from '../mcp/adapt-result.ts';
import { filterAnyList } from '../mcp/filter-list.ts';
import type { Message, Target } from '../mcp/message.ts';
import { createSseDecoder, encodeSseEvent } from '../mcp/sse.ts';
import type { UpstreamResponse } from '../upstream/upstream.ts';
import type { Outcome } from './record.ts';
import type { AnswerCuts, CutsMade } from './answer-guard.ts';
import type { AnswerSealer } from './seal-answer.ts';
import { untilLeaving } from './until-leaving.ts';

/** What the relay needs to know of the request it answers. */
export interface Relaying {
  /** The requests of the body, whose responses may be lists to filter. */
  readonly requests: readonly Message[];
  /** Session id as the client shall see it, or null to send none. */
  readonly session: string | null;
  /** Seals for the caller what the server gives out. */
  readonly handles: AnswerSealer;
  /** Cuts secrets out; null where nothing is looked for. */
  readonly cuts: AnswerCuts | null;
  readonly call: AnsweredCall;
  /** Ends a stream that does not end by itself; null for an answer that does. */
  readonly leaving: AbortSignal | null;
}

/** The call that is answered. */
export interface AnsweredCall {
  /** Whether the caller may use an item of a list. */
  mayUse(action: string, target: Target): boolean;
  /** Is told of every list of tools as the server gave it. */
  learn(result: JsonObject): void;
  /** Whether the tools of its server are held to what was approved: then every answer is looked at. */
  readonly guarded: boolean;
  /** A list of tools with those that are approved as they stand; `first` when its beginning was asked for. */
  approved(result: JsonObject, first: boolean): JsonObject;
  /** Is told that the server says its tools changed. */
  listChanged(): void;
  /** Whether it has to hear of what comes besides the answer. */
  readonly listens: boolean;
  /** Hears of a message that is not the answer, before it is passed on: its method, null for the answer to another request. */
  hear(method: string | null): void | Promise<void>;
  /** Counts octets of the answer; gives a fault once a budget is overdrawn. */
  spend(octets: number): Fault | null | Promise<Fault | null>;
}

type Sent = Pick<Outcome, 'status' | 'bytes' | 'redacted' | 'resultHash'>;

/**
 * Streams the upstream's answer to the caller. Lists are filtered by the policy that judges the calls; everything
 * else keeps its octets. Throws Fault `upstream_garbage` before the first octet is sent, never after it.
 */
export function relay(exchange: Exchange, response: UpstreamResponse, relaying: Relaying): Promise<Sent> {
  const sent = responseHeaders(response, relaying.session);
  const headers = relaying.cuts?.headers(sent) ?? sent;
  // A stream that is resumed with GET may bring the answers of requests long gone.
  const filtering = exchange.method === 'GET' || relaying.requests.some(isAdapted);
  const read = filtering ? 'all' : relaying.call.guarded ? 'suspects' : 'none';
  const { listens } = relaying.call;
  const how: Relay = { status: response.status, headers, read, listens, relaying };
  return response.body instanceof Uint8Array
    ? relayWhole(exchange, response.body, how)
    : relayStream(exchange, response.body, how);
}

type SentHeaders = Readonly<Record<string, string>>;

function responseHeaders(response: UpstreamResponse, session: string | null): SentHeaders {
  const headers = withoutSession(response.headers);
  return session === null ? headers : { ...headers, 'mcp-session-id': session };
}

const withoutSession = rememberedFor((given: UpstreamResponse['headers']): SentHeaders => {
  const { 'mcp-session-id': _session, 'content-length': _length, ...rest } = given;
  const kept: Record<string, string> = { ...rest, 'cache-control': 'no-store' };
  if (kept['content-type']?.startsWith('text/event-stream')) kept['x-accel-buffering'] = 'no';
  return Object.freeze(kept);
});

interface Relay {
  readonly status: number;
  readonly headers: SentHeaders;
  /** Which messages are read: all where lists are asked for, elsewhere those that may be one all the same. */
  readonly read: 'all' | 'suspects' | 'none';
  /** Whether the call hears of every message. */
  readonly listens: boolean;
  readonly relaying: Relaying;
}

async function relayWhole(exchange: Exchange, answer: Uint8Array, how: Relay): Promise<Sent> {
  const { status, headers, relaying } = how;
  const { handles, cuts, call } = relaying;
  const own = handles.whole(await lookedAt(answer, how));
  const body = cuts?.whole(own) ?? own;
  // The call was carried out and its answer has a greatest size: it is sent, and the next call is refused.
  const spent = call.spend(body.length);
  if (spent instanceof Promise) await spent;
  await exchange.respond(status, headers, body.length > 0 ? body : undefined);
  return { status, bytes: body.length, resultHash: sha256Base64url(body), ...made(cuts) };
}

/** The answer as the caller may have it. */
async function lookedAt(answer: Uint8Array, how: Relay): Promise<Uint8Array> {
  const { headers, listens, relaying } = how;
  const filtered = answer.length > 0 && isRead(answer, how);
  // What is no JSON is no message either.
  const heard = listens && headers['content-type']?.startsWith('application/json') === true;
  if (answer.length === 0 || (!filtered && !heard)) return answer;
  const message = readAnswer(answer);
  if (listens) await hearAll(message, relaying);
  if (!filtered) return answer;
  const left = filterAnswer(message, relaying);
  return left === message && keepsOctets(answer, how) ? answer : utf8(JSON.stringify(left));
}

/** Whether a message is held to what may be in it. */
function isRead(message: Uint8Array | string, { read }: Relay): boolean {
  return read === 'all' || (read === 'suspects' && isSuspect(message));
}

async function relayStream(
  exchange: Exchange,
  answers: AsyncIterable<Uint8Array>,
  how: Relay,
): Promise<Sent> {
  const { status, headers, read, listens, relaying } = how;
  const { handles, cuts, call } = relaying;
  const hash = new RunningHash();
  let bytes = 0;
  const held = handles.stream();
  const stream = exchange.stream(status, headers);
  const write = async (chunk: Uint8Array): Promise<void> => {
    if (chunk.length === 0) return;
    hash.update(chunk);
    bytes += chunk.length;
    const spent = call.spend(chunk.length);
    const overdrawn = spent instanceof Promise ? await spent : spent;
    if (overdrawn) throw overdrawn;
    await stream.write(chunk);
  };
  const send = (chunk: Uint8Array): Promise<void> => write(cuts?.push(chunk) ?? chunk);
  const decoder = read === 'none' && !listens ? null : createSseDecoder();
  try {
    for await (const chunk of relaying.leaving ? untilLeaving(answers, relaying.leaving) : answers) {
      if (!decoder) {
        await send(held.push(chunk));
        continue;
      }
      for (const event of decoder.push(chunk)) {
        const filtering = event.data !== null && isRead(event.data, how);
        if (event.data === null || event.data === '' || (!filtering && !listens)) {
          await send(held.push(utf8(encodeSseEvent(event))));
          continue;
        }
        const answer = readAnswer(event.data);
        if (listens) await hearAll(answer, relaying);
        const filtered = filtering ? filterAnswer(answer, relaying) : answer;
        const keeps = filtered === answer && (!filtering || keepsOctets(event.data, how));
        const data = keeps ? event.data : JSON.stringify(filtered);
        await send(held.push(utf8(encodeSseEvent({ ...event, data }))));
      }
    }
    if (cuts) await write(cuts.end());
    await stream.end();
  } catch (error) {
    stream.abort();
    throw error;
  }
  return { status, bytes, resultHash: hash.digest(), ...made(cuts) };
}

function made(cuts: AnswerCuts | null): { readonly redacted?: CutsMade } {
  const redacted = cuts?.made;
  return redacted ? { redacted } : {};
}

/**
 * Whether a message may hold a list of tools, or say that it changed, although neither was asked for: a server may answer a
 * list on the stream of another request. Letters of a name may be written as escapes.
 */
function isSuspect(message: Uint8Array | string): boolean {
  const text =
    typeof message === 'string' ? message : Buffer.from(message.buffer, message.byteOffset, message.length);
  return marks.some((mark) => text.includes(mark));
}

/** The two names, and how an escaped letter of one begins. */
const marks = ['"tools"', 'list_changed', '\\u006', '\\u007', '\\u005f', '\\u005F'] as const;

/**
 * Whether a message of which nothing was taken out keeps its octets: numbers may be in it that no double holds. Not where another
 * reader could find something else in it, because a name stands in it twice; nor a whole list, which is always written anew.
 */
function keepsOctets(message: Uint8Array | string, { read }: Relay): boolean {
  if (read !== 'suspects') return typeof message === 'string';
  try {
    parseJson(message, { depth: deepest, values: 6_000_000 });
    return true;
  } catch {
    return false;
  }
}

/** How deep an answer may nest: it is serialised again, which recurses. */
const deepest = 128;

function readAnswer(body: Uint8Array | string): Json {
  let cause: unknown = null;
  try {
    // Names that a server gives twice, or twice but for case, are its own affair: what is passed on is serialised anew.
    const value = JSON.parse(typeof body === 'string' ? body : decoder.decode(body)) as Json;
    if (nestsWithin(value, deepest)) return value;
  } catch (error) {
    cause = error;
  }
  const problem = 'The MCP server answered with something that is not one JSON message.';
  throw new Fault('upstream_garbage', problem, { cause });
}

const decoder = new TextDecoder('utf-8', { fatal: true });

/** Tells the call of every message that is not the answer to one of its requests. */
async function hearAll(answer: Json, { call, requests }: Relaying): Promise<void> {
  for (const message of isJsonArray(answer) ? answer : [answer]) {
    if (!isJsonObject(message)) continue;
    const { method, id } = message;
    if (typeof method === 'string') await call.hear(method);
    else if (!requests.some((request) => request.id === id)) await call.hear(null);
  }
}

function filterAnswer(answer: Json, relaying: Relaying): Json {
  const { call } = relaying;
  const usable: AnsweredCall['mayUse'] = (action, target) => call.mayUse(action, target);
  if (Array.isArray(answer)) {
    const elements = answer.map((element: Json) => filterAnswer(element, relaying));
    return elements.every((element, at) => element === answer[at]) ? answer : elements;
  }
  if (!isJsonObject(answer)) return answer;
  if (answer['method'] === 'notifications/tools/list_changed') call.listChanged();
  if (!isJsonObject(answer['result'])) return answer;
  const request = relaying.requests.find((message) => message.id === answer['id']);
  if (!request) {
    const listed = Array.isArray(answer['result']['tools'])
      ? call.approved(answer['result'], false)
      : answer['result'];
    const result = filterAnyList(listed, usable);
    return result === answer['result'] ? answer : { ...answer, result };
  }
  if (!isAdapted(request)) return answer;
  if (request.method !== 'tools/list')
    return { ...answer, result: adaptResult(request, answer['result'], usable) };
  call.learn(answer['result']);
  const approved = call.approved(answer['result'], request.params['cursor'] === undefined);
  return { ...answer, result: adaptResult(request, approved, usable) };
}
