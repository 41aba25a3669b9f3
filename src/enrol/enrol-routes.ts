import type { BoundedRecord } from '../audit/bounded-record.ts';
import { certify } from '../ca/certify.ts';
import type { CertificateAuthority } from '../ca/certificate-authority.ts';
import type { CertificateRecord } from '../ca/certificate-records.ts';
import { rootsOf } from '../ca/issuer.ts';
import { pemOfCertificate } from '../ca/pem-of-certificate.ts';
import { renew } from '../ca/renew.ts';
import { readPemRequest } from '../ca/request.ts';
import { toHex, sha256 } from '../kernel/bytes.ts';
import { type Delivery, deliver, rootOf } from './delivery.ts';
import type { JoinTokenRecords } from './join-token/join-token-records.ts';
import { proveJoinToken } from './join-token/prove-join-token.ts';

/** The authority with the records of its join-token door. */
export interface EnrolmentDoors extends CertificateAuthority {
  readonly joinTokens: JoinTokenRecords;
  /** Where tokens that are not accepted are recorded: whoever reaches the listener can present one. */
  readonly strangers: Pick<BoundedRecord, 'record'>;
}

/**
 * A join token and a request in PEM become a certificate. The token is used up when the request is approved, and not before.
 * Throws what `proveJoinToken`, reading the request and `certify` throw.
 */
export async function redeemRoute(
  input: { readonly token: string; readonly csr: string; readonly address: string },
  doors: EnrolmentDoors,
): Promise<Delivery> {
  const request = await readPemRequest(input.csr);
  const { commonName } = request;
  const { token: text, address } = input;
  const proven = await proveJoinToken({ text, commonName, address }, { ...doors, tokens: doors.joinTokens });
  const { evidence, agents, useUp } = proven;
  const authority = { ...doors, agents };
  return deliver(await certify({ request, evidence, requestedLife: null }, authority, useUp), doors);
}

/**
 * A request in PEM for a new key, over a connection that `current` authenticated, becomes its successor. Throws what
 * reading the request and `renew` throw.
 */
export async function renewRoute(
  input: {
    readonly current: Pick<CertificateRecord, 'serial'>;
    readonly csr: string;
    /** How long after its end a certificate may still be renewed, in milliseconds; none unless given. */
    readonly grace?: number;
  },
  authority: CertificateAuthority,
): Promise<Delivery> {
  const { csr, ...order } = input;
  return deliver(await renew({ ...order, request: await readPemRequest(csr) }, authority), authority);
}

/** What anybody may know before trusting: the roots, and the fingerprint to compare with one told by another way. */
export interface TrustBundle {
  readonly trustDomain: string;
  readonly roots: string;
  /** `sha256:<hex>` of the DER of the root that leaves are issued under. */
  readonly rootFingerprint: string;
}

/** The trust bundle of an authority. */
export function trustBundleRoute({
  issuer,
  issuers,
}: Pick<CertificateAuthority, 'issuer' | 'issuers'>): TrustBundle {
  const root = rootOf(issuer);
  return {
    trustDomain: issuer.trustDomain,
    roots: rootsOf(issuers())
      .map(({ der }) => pemOfCertificate(der))
      .join(''),
    rootFingerprint: `sha256:${toHex(sha256(root.der))}`,
  };
}
