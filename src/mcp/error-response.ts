import type { Json, JsonObject } from '../kernel/canonical-json.ts';
import type { FaultCode } from '../kernel/fault-codes.ts';
import type { Fault } from '../kernel/fault.ts';
import type { Inbound, Message } from './message.ts';
import { MessageFault } from './message-fault.ts';

/** An answer that ends an exchange. */
export interface ErrorResponse {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/**
 * A fault as an answer to an MCP request: a JSON-RPC error for every request of the body, or one without an id.
 * What policy refuses, or what names a thing that is not there, is a request that was understood: its answer travels
 * with status 200 and every client hands it to whoever made the call; any other fault has the given HTTP status.
 */
export function errorResponse(fault: Fault, inbound: Inbound | null, httpStatus: number): ErrorResponse {
  const requests = inbound?.messages.filter((message) => message.kind === 'request') ?? [];
  const understood = isAnswer(fault.code, inbound) && requests.length === inbound?.messages.length;
  const status = understood ? 200 : httpStatus;
  const headers: Record<string, string> = { 'content-type': 'application/json', 'cache-control': 'no-store' };
  // RFC 9110 §10.2.3.
  if (fault.retryAfterSeconds !== null) headers['retry-after'] = String(fault.retryAfterSeconds);
  if (status === 405) headers['allow'] = 'POST, GET, DELETE';
  return { status, headers, body: JSON.stringify(bodyOf(fault, inbound, requests, httpStatus)) };
}

function isAnswer(code: FaultCode, inbound: Inbound | null): boolean {
  // MCP 2026-07-28, Streamable HTTP: an unknown method is 404; before, 404 says that the session is gone.
  if (code === 'method_unknown') return inbound?.era === 'legacy';
  return answers.has(code);
}

const answers: ReadonlySet<FaultCode> = new Set([
  'denied',
  'tool_unapproved',
  'tool_changed',
  'call_unapproved',
  'approval_refused',
  'policy_error',
  'name_unknown',
  'name_refused',
  'handle_unknown',
]);

function bodyOf(
  fault: Fault,
  inbound: Inbound | null,
  requests: readonly Message[],
  httpStatus: number,
): Json {
  const error = errorOf(fault, httpStatus);
  if (inbound?.batch && requests.length > 0) return requests.map(({ id }) => ({ jsonrpc: '2.0', id, error }));
  const id = requests[0]?.id ?? (fault instanceof MessageFault ? fault.id : null);
  return { jsonrpc: '2.0', id, error };
}

function errorOf(fault: Fault, httpStatus: number): JsonObject {
  const prescribed = fault instanceof MessageFault ? fault.data : null;
  return {
    code: prescribedCodes[fault.code] ?? httpStatus,
    message: fault.message,
    data: prescribed ?? { code: fault.code },
  };
}

/**
 * The codes that JSON-RPC 2.0 §5.1 and MCP 2026-07-28 (Basic, Error Codes) give to these faults, and the two that
 * servers of the legacy era use for sessions and transport. Every other fault has its HTTP status as its code: outside
 * of -32768…-32000, which is not ours to extend.
 */
const prescribedCodes: Readonly<Partial<Record<FaultCode, number>>> = {
  malformed_json: -32700,
  json_too_deep: -32600,
  json_too_many_values: -32600,
  json_duplicate_key: -32600,
  message_invalid: -32600,
  batch_refused: -32600,
  method_unknown: -32601,
  params_invalid: -32602,
  name_unknown: -32602,
  handle_unknown: -32602,
  header_mismatch: -32020,
  protocol_version: -32022,
  state_unknown: -32602,
  era_not_bridged: -32601,
  session_unknown: -32001,
  media_type: -32000,
  not_acceptable: -32000,
  method_not_allowed: -32000,
};
