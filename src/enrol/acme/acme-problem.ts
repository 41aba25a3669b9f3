import { problemStatus } from '../../http/problem.ts';
import type { FaultCode } from '../../kernel/fault-codes.ts';
import type { Fault } from '../../kernel/fault.ts';
import { algorithms } from './account-key.ts';
import type { StoredProblem } from './acme-records.ts';

/** The error types of RFC 8555 §6.7, RFC 8737, RFC 9773 §7.4 and draft-ietf-acme-device-attest §9.3 that this door uses, without their common beginning. */
export type AcmeProblemType =
  | 'accountDoesNotExist'
  | 'alreadyReplaced'
  | 'alreadyRevoked'
  | 'badAttestationStatement'
  | 'badCSR'
  | 'badNonce'
  | 'badPublicKey'
  | 'badRevocationReason'
  | 'badSignatureAlgorithm'
  | 'connection'
  | 'dns'
  | 'externalAccountRequired'
  | 'incorrectResponse'
  | 'invalidContact'
  | 'malformed'
  | 'orderNotReady'
  | 'rateLimited'
  | 'rejectedIdentifier'
  | 'serverInternal'
  | 'tls'
  | 'unauthorized'
  | 'unsupportedIdentifier';

/** A problem without a status, as an order or a challenge carries it. */
export function problem(type: AcmeProblemType, detail: string): StoredProblem {
  return { type: `urn:ietf:params:acme:error:${type}`, detail };
}

/** A fault as this door answers it: the problem document and its HTTP status (RFC 8555 §6.7). */
export function acmeProblemOf(fault: Fault): { readonly status: number; readonly body: StoredProblem } {
  const type = typeOf(fault.code);
  const status = problemStatus[fault.code];
  return {
    status,
    body: {
      ...problem(type, fault.message),
      status,
      // RFC 8555 §6.2: a client learns what it may sign with.
      ...(type === 'badSignatureAlgorithm' && { algorithms: Object.keys(algorithms) }),
    },
  };
}

/** What a fault is in the words of RFC 8555; what is not the client's doing is `serverInternal`. */
function typeOf(code: FaultCode): AcmeProblemType {
  const type = types[code];
  if (type) return type;
  return problemStatus[code] < 500 ? 'malformed' : 'serverInternal';
}

const types: Partial<Record<FaultCode, AcmeProblemType>> = {
  nonce_refused: 'badNonce',
  algorithm_refused: 'badSignatureAlgorithm',
  key_unacceptable: 'badPublicKey',
  account_unknown: 'accountDoesNotExist',
  account_refused: 'unauthorized',
  agent_unknown: 'unauthorized',
  agent_inactive: 'unauthorized',
  certificate_unknown: 'unauthorized',
  binding_required: 'externalAccountRequired',
  binding_refused: 'unauthorized',
  contact_refused: 'invalidContact',
  order_not_ready: 'orderNotReady',
  identifier_unsupported: 'unsupportedIdentifier',
  identifier_refused: 'rejectedIdentifier',
  request_invalid: 'badCSR',
  attestation_refused: 'badAttestationStatement',
  certificate_revoked: 'alreadyRevoked',
  certificate_replaced: 'alreadyReplaced',
  revocation_reason: 'badRevocationReason',
  limit_reached: 'rateLimited',
  rate_exceeded: 'rateLimited',
};
