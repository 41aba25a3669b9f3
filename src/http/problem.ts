import { STATUS_CODES } from 'node:http';
import type { FaultCode } from '../kernel/fault-codes.ts';
import type { Fault } from '../kernel/fault.ts';
import type { Exchange } from './exchange.ts';

/** A problem document (RFC 9457 §3.1) with the fault code as an extension member (§3.2). */
export interface Problem {
  readonly type: 'about:blank';
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: FaultCode;
}

/** What a peer may know of a fault: its code and text, never its cause. */
export function problemOf(fault: Fault): Problem {
  const status = problemStatus[fault.code];
  // RFC 9457 §4.2.1: with "about:blank" the title is the phrase of the status.
  return {
    type: 'about:blank',
    title: STATUS_CODES[status] ?? '',
    status,
    detail: fault.message,
    code: fault.code,
  };
}

/** Answers an exchange with a fault; does nothing when an answer is out already. */
export async function answerProblem(
  exchange: Exchange,
  fault: Fault,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  if (exchange.answered) return;
  const problem = problemOf(fault);
  await exchange.respond(
    problem.status,
    {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      ...(fault.retryAfterSeconds === null ? {} : { 'retry-after': String(fault.retryAfterSeconds) }),
      ...headers,
    },
    JSON.stringify(problem),
  );
}

/** The HTTP status of every fault (RFC 9110 §15), where HTTP and not MCP or ACME is what is answered in. */
export const problemStatus: Readonly<Record<FaultCode, number>> = {
  internal: 500,
  invalid_input: 400,
  not_found: 404,
  conflict: 409,
  unavailable: 503,
  timed_out: 408,
  too_large: 413,
  malformed_json: 400,
  json_too_deep: 400,
  json_too_many_values: 400,
  json_duplicate_key: 400,
  malformed_der: 400,
  malformed_pem: 400,
  certificate_profile: 403,
  certificate_expired: 403,
  certificate_not_yet_valid: 403,
  certificate_revoked: 403,
  certificate_unknown: 403,
  certificate_required: 401,
  trust_domain_mismatch: 403,
  request_invalid: 400,
  key_unacceptable: 400,
  authority_exists: 409,
  authority_differs: 500,
  authority_missing: 503,
  state_damaged: 500,
  state_locked: 503,
  state_newer: 500,
  file_mode: 500,
  passphrase_required: 503,
  passphrase_wrong: 503,
  key_refused: 503,
  clock_behind: 503,
  join_token_invalid: 403,
  workload_refused: 403,
  // RFC 7030 §4.2.3: the same request is to be sent again.
  approval_pending: 202,
  approval_refused: 403,
  device_refused: 403,
  login_refused: 403,
  invitation_invalid: 403,
  agent_inactive: 403,
  agent_unknown: 403,
  bundle_refused: 422,
  partner_withdrawn: 403,
  partner_expired: 403,
  partner_unmapped: 403,
  renewal_refused: 403,
  sub_agent_refused: 403,
  lint_failed: 500,
  nonce_refused: 400,
  algorithm_refused: 400,
  signature_invalid: 400,
  account_unknown: 400,
  account_refused: 403,
  binding_required: 403,
  binding_refused: 403,
  contact_refused: 400,
  order_not_ready: 403,
  identifier_unsupported: 400,
  identifier_refused: 400,
  certificate_replaced: 409,
  attestation_refused: 400,
  revocation_reason: 400,
  identity_refused: 403,
  view_stale: 503,
  // RFC 9110 §15.5.20: the request reached a server that does not answer for that authority.
  host_refused: 421,
  origin_refused: 403,
  method_not_allowed: 405,
  method_unknown: 404,
  media_type: 415,
  not_acceptable: 406,
  token_required: 401,
  token_invalid: 401,
  token_ended: 401,
  proof_invalid: 401,
  proof_nonce: 401,
  scope_insufficient: 403,
  login_insufficient: 401,
  header_mismatch: 400,
  call_unsigned: 403,
  call_signature_refused: 403,
  call_replayed: 403,
  passport_required: 403,
  passport_refused: 403,
  protocol_version: 400,
  message_invalid: 400,
  params_invalid: 400,
  batch_refused: 400,
  session_unknown: 404,
  state_unknown: 400,
  era_not_bridged: 404,
  isolation_unavailable: 503,
  program_changed: 502,
  server_unknown: 404,
  name_unknown: 404,
  name_refused: 403,
  handle_unknown: 400,
  tool_unapproved: 403,
  manifest_refused: 422,
  tool_changed: 403,
  denied: 403,
  call_unapproved: 403,
  policy_error: 403,
  policy_invalid: 400,
  // RFC 6585 §4.
  limit_reached: 429,
  rate_exceeded: 429,
  budget_spent: 429,
  upstream_unreachable: 502,
  upstream_failed: 502,
  upstream_timeout: 504,
  upstream_garbage: 502,
  upstream_too_large: 502,
  circuit_open: 503,
  address_refused: 403,
  audit_unwritable: 503,
  audit_broken: 500,
  export_refused: 502,
  credential_unobtained: 502,
  secret_unresolved: 502,
  secret_unavailable: 503,
  config_invalid: 500,
  usage: 400,
  port_taken: 500,
  enrolment_needed: 403,
  gateway_unreachable: 502,
  sign_in_failed: 502,
  gateway_untrusted: 502,
};
