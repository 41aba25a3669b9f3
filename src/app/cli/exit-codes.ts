import type { FaultCode } from '../../kernel/fault-codes.ts';

/** The exit codes and what they mean; `docs/cli.md` lists the same. */
export const exitCodes = {
  0: 'The command did what it was asked.',
  1: 'It failed for a reason without a code of its own.',
  2: 'The command line or the configuration is not valid; nothing was done.',
  3: 'It was refused: by policy, by a certificate, by a wrong passphrase, by the state things are in.',
  4: 'The thing named does not exist.',
  5: 'Something that is needed is down, busy or unreachable; trying again later may work.',
  6: 'A verification ran to its end and found that the thing does not verify.',
  7: 'What was watched showed something that was not expected.',
} as const;

export type ExitCode = keyof typeof exitCodes;

/** Faults with an exit code other than 1. */
const exitCodeOf: Partial<Record<FaultCode, ExitCode>> = {
  usage: 2,
  config_invalid: 2,
  invalid_input: 2,
  policy_invalid: 2,
  malformed_json: 2,
  malformed_pem: 2,
  malformed_der: 2,
  too_large: 2,
  conflict: 3,
  name_refused: 3,
  authority_exists: 3,
  denied: 3,
  policy_error: 3,
  identity_refused: 3,
  certificate_profile: 3,
  certificate_expired: 3,
  certificate_not_yet_valid: 3,
  certificate_revoked: 3,
  certificate_unknown: 3,
  certificate_required: 3,
  trust_domain_mismatch: 3,
  request_invalid: 3,
  key_unacceptable: 3,
  join_token_invalid: 3,
  workload_refused: 3,
  approval_refused: 3,
  device_refused: 3,
  login_refused: 3,
  invitation_invalid: 3,
  agent_inactive: 3,
  bundle_refused: 2,
  partner_withdrawn: 3,
  partner_expired: 3,
  partner_unmapped: 3,
  renewal_refused: 3,
  passphrase_required: 3,
  passphrase_wrong: 3,
  file_mode: 3,
  state_damaged: 3,
  state_newer: 3,
  key_refused: 3,
  clock_behind: 3,
  enrolment_needed: 3,
  gateway_untrusted: 3,
  not_found: 4,
  agent_unknown: 4,
  server_unknown: 4,
  authority_missing: 4,
  approval_pending: 5,
  unavailable: 5,
  timed_out: 5,
  state_locked: 5,
  port_taken: 5,
  view_stale: 5,
  limit_reached: 5,
  upstream_unreachable: 5,
  upstream_timeout: 5,
  audit_unwritable: 5,
  gateway_unreachable: 5,
  audit_broken: 6,
};

/** The exit code that a fault ends the command with. */
export function exitCodeFor(code: FaultCode): ExitCode {
  return exitCodeOf[code] ?? 1;
}
