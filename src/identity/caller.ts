import type { Certificate } from '../x509/certificate.ts';
import { checkForeignLeaf } from '../x509/foreign-leaf.ts';
import { checkLeaf, type LeafKind, onlySpiffeId } from '../x509/leaf-profile.ts';
import type { SpiffeId } from '../x509/spiffe-id.ts';

/** What a caller is: one that we certified, or one of a partner. */
export type CallerKind = LeafKind | 'partner';

/** What a connection demands of the certificate behind it. */
export interface CallerContext {
  readonly trustDomain: string;
  readonly kinds: readonly LeafKind[];
  /**
   * The trust domains of partners, each with the authorities (base64 DER) that the handshake let vouch for it and for
   * nothing else; none unless given.
   */
  readonly partners?: ReadonlyMap<string, readonly string[]>;
}

const seal = Symbol('caller');

/**
 * Proof that a certificate fits its leaf profile and names one identity of this trust domain or of a partner's. It says nothing about
 * time or revocation, which change while a connection lives: `confirmStanding` looks at those per request.
 */
export class Caller {
  readonly kind: CallerKind;
  /** Of a partner's caller it is the whole SPIFFE ID, which is the name of nobody here. */
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
  /** Of a partner's caller: the authorities of which one vouched for it; null for our own. */
  readonly vouchers: readonly string[] | null;
  // A private member makes the type nominal: an object of the same shape is not a Caller.
  readonly #proof = true;

  private constructor(key: typeof seal, certificate: Certificate, context: CallerContext) {
    if (key !== seal) throw new TypeError('A Caller is only made from a certificate that was checked.');
    const { kind, name, spiffeId, vouchers } = identityOf(certificate, context);
    this.kind = kind;
    this.name = name;
    this.spiffeId = spiffeId.uri;
    this.trustDomain = spiffeId.trustDomain;
    this.vouchers = vouchers;
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

function identityOf(
  certificate: Certificate,
  context: CallerContext,
): Pick<Caller, 'kind' | 'name' | 'vouchers'> & { readonly spiffeId: SpiffeId } {
  const { trustDomain } = onlySpiffeId(certificate);
  // Whatever a partner is called, our own trust domain is ours alone.
  const vouchers = trustDomain === context.trustDomain ? undefined : context.partners?.get(trustDomain);
  if (!vouchers) return { ...checkLeaf(certificate, context), vouchers: null };
  const spiffeId = checkForeignLeaf(certificate);
  return { kind: 'partner', name: spiffeId.uri, spiffeId, vouchers };
}
