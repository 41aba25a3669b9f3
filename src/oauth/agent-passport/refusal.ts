/** Why delegations are not accepted, in the words of the profile `aps:authority-delegation:v1` (draft-pidlisnyi-aps). */
export type RefusalCode =
  | 'SCHEMA_INVALID'
  | 'UNSUPPORTED_VERSION'
  | 'UNSUPPORTED_PROFILE'
  | 'NONCANONICAL_VALUE'
  | 'ID_MISMATCH'
  | 'KEY_RESOLUTION_FAILED'
  | 'SIGNATURE_INVALID'
  | 'ROOT_UNTRUSTED'
  | 'CHAIN_DUPLICATE_ID'
  | 'PARENT_MISMATCH'
  | 'CHAIN_CONTINUITY'
  | 'ISSUED_AT_OUTSIDE_PARENT'
  | 'SCOPE_WIDENING'
  | 'SPEND_WIDENING'
  | 'SPEND_UNIT_CHANGE'
  | 'DEPTH_EXHAUSTED'
  | 'DEPTH_WIDENING'
  | 'TIME_WIDENING'
  | 'REPUTATION_WIDENING'
  | 'VALUES_WEAKENING'
  | 'REVERSIBILITY_WIDENING'
  | 'NOT_YET_VALID'
  | 'EXPIRED'
  | 'REVOKED'
  | 'REVOCATION_UNKNOWN';

/** A refusal is an answer: which rule of the profile was broken, where in the chain, and how. */
export class Refusal {
  readonly code: RefusalCode;
  /** The place in the chain, 0 for its root. */
  readonly index: number;
  readonly why: string;

  constructor(code: RefusalCode, why: string, index = 0) {
    this.code = code;
    this.index = index;
    this.why = why;
  }

  at(index: number): Refusal {
    return new Refusal(this.code, this.why, index);
  }
}
