import { isJsonObject, type Json, type JsonObject } from '../kernel/canonical-json.ts';
import { Fault } from '../kernel/fault.ts';
import { readEnvelope } from '../mcp/envelope.ts';
import { eraOf } from '../mcp/revisions.ts';

/** One line of the client. */
export interface Outgoing {
  /** The line as it came: what is read here is only for its headers, the gateway judges the octets. */
  readonly body: Uint8Array;
  readonly messages: readonly OutgoingMessage[];
  readonly batch: boolean;
  /** The modern revision that the message names, or null: then it belongs to the session. */
  readonly revision: string | null;
}

/** One JSON-RPC message of the client. */
export interface OutgoingMessage {
  readonly kind: 'request' | 'notification' | 'response';
  readonly id: MessageId | null;
  readonly method: string | null;
  readonly params: JsonObject;
  readonly value: JsonObject;
}

export type MessageId = string | number;

/** Reads one line. Throws Fault `malformed_json` or `message_invalid`. */
export function readOutgoing(line: Uint8Array): Outgoing {
  const value = readJson(line);
  const values: readonly Json[] = Array.isArray(value) ? value : [value];
  if (values.length === 0) throw new Fault('message_invalid', 'A batch must hold a message.');
  const messages = values.map(readOne);
  const [first] = messages;
  const claim = messages.length === 1 && first?.method != null ? readEnvelope(first.params).revision : null;
  const revision = claim !== null && eraOf(claim) === 'modern' ? claim : null;
  return { body: line, messages, batch: Array.isArray(value), revision };
}

/** The ids of the requests of a line. */
export function requestIds(outgoing: Outgoing): readonly MessageId[] {
  return outgoing.messages.flatMap(({ kind, id }) => (kind === 'request' && id !== null ? [id] : []));
}

function readJson(line: Uint8Array): Json {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(line)) as Json;
  } catch (cause) {
    throw new Fault('malformed_json', 'The line is not JSON in UTF-8.', { cause });
  }
}

function readOne(value: Json): OutgoingMessage {
  if (!isJsonObject(value)) throw new Fault('message_invalid', 'A message must be a JSON object.');
  const { id: givenId, method: givenMethod, params: givenParams } = value;
  const id = typeof givenId === 'string' || typeof givenId === 'number' ? givenId : null;
  const method = typeof givenMethod === 'string' ? givenMethod : null;
  const params = isJsonObject(givenParams) ? givenParams : {};
  if (method !== null) return { kind: id === null ? 'notification' : 'request', id, method, params, value };
  if ('result' in value || 'error' in value) return { kind: 'response', id, method, params, value };
  throw new Fault('message_invalid', 'A message must have a method, a result or an error.');
}
