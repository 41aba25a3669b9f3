import type { Certificate } from '../x509/certificate.ts';
import { checkLeaf, type LeafKind } from '../x509/leaf-profile.ts';

/** What a connection demands of the certificate behind it. */
export interface CallerContext {
  readonly trustDomain: string;
  readonly kinds: readonly LeafKind[];
}

const seal = Symbol('caller');

/**
 * Proof that a certificate fits its leaf profile and names one identity of this trust domain. It says nothing about
 * time or revocation, which change while a connection lives: `confirmStanding` looks at those per request.
 */
export class Caller {
  readonly kind: LeafKind;
  readonly name: string;
  readonly spiffeId: string;
  readonly trustDomain: string;
  /** Lowercase hex. */
  readonly serial: string;
  /** base64url SHA-256 of the DER (RFC 8705 §3.1). */
  readonly thumbprint: string;
  /** Epoch milliseconds, as is `notAfter`. */
  readonly notBefore: number;
  readonly notAfter: number;
  // A private member makes the type nominal: an object of the same shape is not a Caller.
  readonly #proof = true;

  private constructor(key: typeof seal, certificate: Certificate, context: CallerContext) {
    if (key !== seal) throw new TypeError('A Caller is only made from a certificate that was checked.');
    const identity = checkLeaf(certificate, context);
    this.kind = identity.kind;
    this.name = identity.name;
    this.spiffeId = identity.spiffeId.uri;
    this.trustDomain = identity.spiffeId.trustDomain;
    this.serial = certificate.serial;
    this.thumbprint = certificate.thumbprint;
    this.notBefore = certificate.notBefore;
    this.notAfter = certificate.notAfter;
    Object.freeze(this);
  }

  /** Throws Fault `certificate_profile` or `trust_domain_mismatch`. */
  static of(certificate: Certificate, context: CallerContext): Caller {
    return new Caller(seal, certificate, context);
  }

  /** Whether a value is a Caller that this module made. */
  static proves(value: object): value is Caller {
    return #proof in value && value.#proof;
  }
}
