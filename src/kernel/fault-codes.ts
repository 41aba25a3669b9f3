/**
 * Every fault code with its meaning. `docs/faults.md` lists the same codes; `test/faults.test.ts` compares them.
 * The table holds no protocol numbers: they are chosen in the file that answers.
 */
export const faultCodes = {
  // any room
  internal: 'An error that Countersign did not expect.',
  invalid_input: 'A value has the wrong shape.',
  not_found: 'The named thing does not exist.',
  conflict: 'The thing exists already or changed meanwhile.',
  unavailable: 'A part that is needed is down, slow or not ready; nothing was done.',
  timed_out: 'A time limit passed.',
  // bytes from a peer
  too_large: 'The body is larger than the limit.',
  malformed_json: 'The text is not JSON, or not UTF-8.',
  json_too_deep: 'The JSON is nested deeper than the limit.',
  json_too_many_values: 'The JSON has more values than the limit.',
  json_duplicate_key: 'An object names a member twice, or twice but for case.',
  malformed_der: 'The octets are not DER, or not the structure expected.',
  malformed_pem: 'The text is not PEM of the kind expected.',
  // certificates
  certificate_profile: 'The certificate does not fit its profile.',
  certificate_expired: 'The certificate is past its end.',
  certificate_not_yet_valid: 'The certificate is before its start; a clock may be wrong.',
  certificate_revoked: 'The certificate is revoked.',
  certificate_unknown: 'The certificate chain is trusted but its serial is not in the issuance record.',
  certificate_required: 'The operation needs a client certificate.',
  trust_domain_mismatch: 'The SPIFFE ID belongs to another trust domain.',
  request_invalid: 'The certificate request is malformed or its proof of possession fails.',
  key_unacceptable: 'The public key is of a kind or size that is not accepted.',
  // authority
  authority_exists: 'An authority exists here already.',
  authority_missing: 'There is no authority here.',
  state_damaged: 'The stored state is unreadable or half written.',
  state_locked: 'Another process holds this state.',
  state_newer: 'The stored state was written by a newer version.',
  file_mode: 'A key or secret file can be read by others.',
  passphrase_required: 'A key is encrypted and no passphrase was given.',
  passphrase_wrong: 'The passphrase does not open the key.',
  clock_behind: 'The clock is before a time that was already recorded.',
  join_token_invalid: 'The join token is unknown, used, expired or made for another name or profile.',
  agent_inactive: 'The agent is suspended or retired.',
  agent_unknown: 'No agent of that name is registered.',
  renewal_refused: 'The certificate cannot be renewed.',
  lint_failed: 'The certificate about to be signed breaks its own profile; it was not signed.',
  // the gateway
  identity_refused: 'The caller has no identity that this listener accepts.',
  view_stale: 'The gateway has not heard from the authority for too long and refuses.',
  host_refused: 'The Host header is not one this listener answers to.',
  origin_refused: 'The Origin header is not on the allow-list.',
  method_not_allowed: 'The HTTP method is not offered here.',
  method_unknown: 'The MCP revision has no such method.',
  media_type: 'The Content-Type is not accepted.',
  not_acceptable: 'The Accept header excludes what would be sent.',
  header_mismatch: 'A header is missing or disagrees with the body.',
  protocol_version: 'The MCP revision is not supported.',
  message_invalid: 'The body is not one MCP message of the stated revision.',
  params_invalid: 'The parameters of the MCP request are missing or of the wrong kind.',
  batch_refused: 'The revision has no batches.',
  session_unknown: 'The session does not exist for this caller.',
  server_unknown: 'No MCP server of that name is available to this caller.',
  name_unknown: 'No MCP server of this caller offers a thing of that name.',
  name_refused: 'The name cannot be told from another one, and neither is used with all servers.',
  handle_unknown: 'The cursor, task, request state or event was not given to this caller for this.',
  denied: 'No policy permits the request, or one forbids it.',
  policy_error: 'A policy failed to evaluate; the request was refused.',
  policy_invalid: 'The policy text is not valid.',
  limit_reached: 'Too many requests at once.',
  rate_exceeded: 'More requests in a short time than a limit allows.',
  budget_spent: 'The calls or octets that a budget allows for the hour or day are used up.',
  // upstream
  upstream_unreachable: 'The MCP server cannot be reached.',
  upstream_failed: 'The MCP server ended the exchange before its answer was complete.',
  upstream_timeout: 'The MCP server did not answer in time.',
  upstream_garbage: 'The MCP server answered with something that is not MCP.',
  upstream_too_large: 'The MCP server answered with more than the limit.',
  circuit_open: 'The MCP server failed again and again and is left alone for a moment.',
  address_refused: 'The address is not one that outgoing connections may reach.',
  // audit
  audit_unwritable: 'The audit log cannot be written; calls are refused until it can.',
  audit_broken: 'The audit log does not verify.',
  // secrets and configuration
  secret_unresolved: 'A secret reference cannot be resolved.',
  config_invalid: 'The configuration is not valid.',
  usage: 'The command line is not valid.',
  port_taken: 'The address is in use by another process.',
  // bridge
  enrolment_needed: 'The bridge has no certificate and no join token.',
  gateway_unreachable: 'The bridge cannot reach the gateway.',
  gateway_untrusted: 'The gateway does not present a certificate of the expected authority and name.',
} as const;

/** A stable, machine-readable fault code. */
export type FaultCode = keyof typeof faultCodes;
