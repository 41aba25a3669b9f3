import { problemStatus } from '../http/problem.ts';
import { isJsonObject, type Json, type JsonObject } from '../kernel/canonical-json.ts';
import type { Fault } from '../kernel/fault.ts';
import { explainStatus } from './explain-failure.ts';
import type { MessageId } from './outgoing.ts';

/** The JSON-RPC errors of the two faults that JSON-RPC 2.0 §5.1 gives a number; others have their HTTP status. */
const prescribed: Readonly<Record<string, number>> = { malformed_json: -32700, message_invalid: -32600 };

/** A fault as the answer to a request; id null when the request could not be read. */
export function faultAnswer(id: MessageId | null, fault: Fault): JsonObject {
  const code = prescribed[fault.code] ?? problemStatus[fault.code];
  return { jsonrpc: '2.0', id, error: { code, message: fault.message, data: { code: fault.code } } };
}

/** What a refusal of the other end says, as the answer to a request: its own JSON-RPC error, or one made of its problem document. */
export function refusalAnswer(
  id: MessageId,
  { status, body }: { readonly status: number; readonly body: Uint8Array },
  peer: string,
): JsonObject {
  const error = jsonRpcError(body, id);
  if (error) return { jsonrpc: '2.0', id, error };
  const fault = explainStatus(status, body, peer);
  return {
    jsonrpc: '2.0',
    id,
    error: { code: status, message: fault.message, data: { code: fault.code, status } },
  };
}

/** The error of a body that is a JSON-RPC error, or an array of them. */
export function jsonRpcError(body: Uint8Array, id: MessageId | null): JsonObject | null {
  let value: Json;
  try {
    value = JSON.parse(Buffer.from(body).toString('utf8')) as Json;
  } catch {
    return null;
  }
  const values: readonly Json[] = Array.isArray(value) ? value : [value];
  const objects = values.filter(isJsonObject);
  const own = objects.find((object) => object['id'] === id) ?? objects[0];
  const error = own?.['error'];
  return isJsonObject(error) && typeof error['code'] === 'number' ? error : null;
}
