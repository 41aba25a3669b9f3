import { isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import { Fault, toFault } from '../../kernel/fault.ts';
import { parseJson } from '../../kernel/parse-json.ts';
import { createSseDecoder, type SseEvent } from '../../mcp/sse.ts';
import { TokenFault } from '../../oauth/resource/challenge.ts';
import type { InnerAnswer } from './inner-exchange.ts';

/** What a message of a server may cost to read; its octets were bounded where they came in. */
const messageLimits = { depth: 256, values: 6_000_000 };

/** One JSON message of a server. Throws Fault `upstream_garbage`. */
export function readMessage(text: Uint8Array | string): Json {
  try {
    return parseJson(text, messageLimits);
  } catch (cause) {
    const detail = 'The MCP server answered with something that is not one JSON message.';
    throw new Fault('upstream_garbage', detail, { cause });
  }
}

/** The blocks of an answer that is an event stream. */
export async function* eventsOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<SseEvent, void, undefined> {
  const decoder = createSseDecoder();
  for await (const chunk of body) yield* decoder.push(chunk);
}

/**
 * The result of a request that a server was asked, whole or at the end of a stream; what else the stream carries is
 * not for whoever asks several servers. Throws the fault that the answer stands for, or Fault `upstream_garbage`.
 */
export async function resultOf(answer: InnerAnswer, id: Json): Promise<JsonObject> {
  if (answer.body instanceof Uint8Array) {
    if (answer.body.length === 0) throw failedWith(answer, null);
    return resultIn(readMessage(answer.body), answer);
  }
  const { promise, resolve, reject } = Promise.withResolvers<JsonObject>();
  const reading = answer.body;
  void (async () => {
    // The stream is read to its end after the response, so that the record says it was answered.
    try {
      for await (const { data } of eventsOf(reading)) {
        const message = data === null || data === '' ? null : readMessage(data);
        if (isJsonObject(message) && message['id'] === id && message['method'] === undefined) {
          resolve(resultIn(message, answer));
        }
      }
      reject(new Fault('upstream_failed', 'The MCP server ended its answer without a response.'));
    } catch (error) {
      reject(toFault(error));
    }
  })();
  return await promise;
}

function resultIn(message: Json, answer: InnerAnswer): JsonObject {
  if (!isJsonObject(message)) throw new Fault('upstream_garbage', 'The MCP server answered with no object.');
  if (isJsonObject(message['result'])) return message['result'];
  throw failedWith(answer, message['error'] ?? null);
}

/** An answer without a result; `rpc` is the code of its JSON-RPC error. */
export class AnswerFault extends Fault {
  readonly rpc: number | null;

  constructor(code: Fault['code'], detail: string, rpc: number | null) {
    super(code, detail);
    this.rpc = rpc;
  }
}

function failedWith({ status, headers }: InnerAnswer, error: Json): Fault {
  const { code, message, data } = isJsonObject(error) ? error : {};
  const own = isJsonObject(data) ? data['code'] : null;
  const text = typeof message === 'string' ? message.slice(0, 300) : `HTTP status ${status}`;
  const rpc = typeof code === 'number' ? code : null;
  const challenge = headers['www-authenticate'];
  if (challenge !== undefined && isPassedOn(own))
    return new TokenFault(own, text, { 'www-authenticate': challenge });
  // Our own road refuses with the code of the fault, which is said again rather than taken for the server's.
  return new AnswerFault(isPassedOn(own) ? own : 'upstream_failed', text, rpc);
}

const passedOn = [
  'token_required',
  'token_invalid',
  'token_ended',
  'scope_insufficient',
  'login_insufficient',
  'denied',
  'call_unapproved',
  'approval_refused',
  'policy_error',
  'limit_reached',
  'rate_exceeded',
  'budget_spent',
  'server_unknown',
  'session_unknown',
  'upstream_unreachable',
  'upstream_timeout',
  'circuit_open',
  'upstream_garbage',
  'upstream_too_large',
  'audit_unwritable',
  'secret_unresolved',
  'secret_unavailable',
] as const;

function isPassedOn(code: Json | undefined): code is (typeof passedOn)[number] {
  return passedOn.some((known) => known === code);
}
