import { Fault } from '../kernel/fault.ts';
import type { Certificate } from './certificate.ts';
import type { LeafUsage } from './extensions.ts';
import { checkPublicKey } from './public-key.ts';
import { parseSpiffeId, type SpiffeId } from './spiffe-id.ts';

export type LeafKind = 'agent' | 'ephemeral' | 'server' | 'gateway' | 'admin' | 'ocsp' | 'ra';

/** What a leaf of one kind must look like. Lives in milliseconds. */
export interface LeafProfile {
  readonly kind: LeafKind;
  /** The SPIFFE path before the name. Agents and ephemeral agents share one: they are the same agent. */
  readonly pathPrefix: string;
  /** Exactly these, in any order. */
  readonly extendedKeyUsage: readonly LeafUsage[];
  /** What is signed into certificates of ours. */
  readonly keyUsage: readonly ('digitalSignature' | 'keyEncipherment')[];
  readonly maximumLife: number;
  readonly defaultLife: number;
  /** Whether DNS names and IP addresses may stand beside the SPIFFE ID. */
  readonly addressNames: boolean;
}

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

export const leafProfiles: Readonly<Record<LeafKind, LeafProfile>> = {
  agent: {
    kind: 'agent',
    pathPrefix: '/agent/',
    extendedKeyUsage: ['clientAuth'],
    keyUsage: ['digitalSignature'],
    maximumLife: day,
    defaultLife: hour,
    addressNames: false,
  },
  ephemeral: {
    kind: 'ephemeral',
    pathPrefix: '/agent/',
    extendedKeyUsage: ['clientAuth'],
    keyUsage: ['digitalSignature'],
    maximumLife: 15 * minute,
    defaultLife: 10 * minute,
    addressNames: false,
  },
  server: {
    kind: 'server',
    pathPrefix: '/server/',
    extendedKeyUsage: ['serverAuth'],
    keyUsage: ['digitalSignature'],
    maximumLife: 7 * day,
    defaultLife: day,
    addressNames: true,
  },
  gateway: {
    kind: 'gateway',
    pathPrefix: '/gateway/',
    extendedKeyUsage: ['clientAuth', 'serverAuth'],
    keyUsage: ['digitalSignature'],
    maximumLife: 7 * day,
    defaultLife: day,
    addressNames: true,
  },
  admin: {
    kind: 'admin',
    pathPrefix: '/admin/',
    extendedKeyUsage: ['clientAuth'],
    keyUsage: ['digitalSignature'],
    maximumLife: day,
    defaultLife: 8 * hour,
    addressNames: false,
  },
  // RFC 6960 §4.2.2.2: the authority's own responder. It cannot be revoked by its own word, so it is short.
  ocsp: {
    kind: 'ocsp',
    pathPrefix: '/ocsp/',
    extendedKeyUsage: ['OCSPSigning'],
    keyUsage: ['digitalSignature'],
    maximumLife: 2 * day,
    defaultLife: day,
    addressNames: false,
  },
  // RFC 8894 §2.1.2: the authority's own registration authority. Clients encrypt to its key, which must be RSA, and some
  // are given its certificate by hand, so it lives longer than the others.
  ra: {
    kind: 'ra',
    pathPrefix: '/ra/',
    extendedKeyUsage: ['cmcRA'],
    keyUsage: ['digitalSignature', 'keyEncipherment'],
    maximumLife: 100 * day,
    defaultLife: 90 * day,
    addressNames: false,
  },
};

/** The name of the authority's own certificate, of kind `server`; it is given to nobody else. */
export const authorityName = 'authority';

/** Names of agents, servers, gateways and administrators. */
export const namePattern = /^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$/;

/** How much longer than its profile's cap a leaf may be, for the backdating of its start. */
const backdating = 2 * minute;

/** Who a leaf says it is, once it fits its profile. */
export interface LeafIdentity {
  /** Never 'ephemeral': such a leaf looks like an agent's with a short life. */
  readonly kind: LeafKind;
  readonly name: string;
  readonly spiffeId: SpiffeId;
}

/**
 * Holds a leaf to its profile, exactly: one SPIFFE ID of the trust domain and no other URI, common name = its last
 * segment, the extended key usages of its kind and no others, no CA, an accepted key, a life within the cap, nothing
 * critical that we do not know. Trust in the chain is OpenSSL's matter.
 * Throws Fault `certificate_profile` or `trust_domain_mismatch`.
 */
export function checkLeaf(
  certificate: Certificate,
  expected: { readonly trustDomain: string; readonly kinds: readonly LeafKind[] },
): LeafIdentity {
  const spiffeId = onlySpiffeId(certificate);
  if (spiffeId.trustDomain !== expected.trustDomain) {
    throw new Fault(
      'trust_domain_mismatch',
      `The certificate is of the trust domain ${spiffeId.trustDomain}, not of ${expected.trustDomain}.`,
    );
  }
  const profile = expected.kinds
    .map((kind) => leafProfiles[kind])
    .find((one) => spiffeId.path.startsWith(one.pathPrefix));
  if (!profile) throw misfit(`it is not of kind ${expected.kinds.join(' or ')}`);
  const name = spiffeId.path.slice(profile.pathPrefix.length);
  if (!namePattern.test(name)) throw misfit('its SPIFFE ID does not end in a name');
  if (certificate.commonName !== name) throw misfit('its common name is not the name in its SPIFFE ID');
  checkUse(certificate, profile);
  checkForm(certificate, profile);
  return { kind: profile.kind === 'ephemeral' ? 'agent' : profile.kind, name, spiffeId };
}

/** Throws Fault `certificate_not_yet_valid` or `certificate_expired`; `now` in epoch milliseconds. */
export function checkValidity(certificate: Pick<Certificate, 'notBefore' | 'notAfter'>, now: number): void {
  if (now < certificate.notBefore) {
    throw new Fault(
      'certificate_not_yet_valid',
      `The certificate starts at ${new Date(certificate.notBefore).toISOString()}. Check the clocks.`,
    );
  }
  if (now > certificate.notAfter) {
    throw new Fault(
      'certificate_expired',
      `The certificate ended at ${new Date(certificate.notAfter).toISOString()}. Renew it or enrol again.`,
    );
  }
}

/** The SPIFFE ID of a leaf. */
export function leafUri(trustDomain: string, kind: LeafKind, name: string): string {
  return `spiffe://${trustDomain}${leafProfiles[kind].pathPrefix}${name}`;
}

/** The one SPIFFE ID of a certificate. Throws Fault `certificate_profile`. */
export function onlySpiffeId(certificate: Certificate): SpiffeId {
  const [uri, ...more] = certificate.uris;
  // X509-SVID §2: exactly one URI SAN.
  if (uri === undefined || more.length > 0) throw misfit('it must carry exactly one URI name, its SPIFFE ID');
  try {
    return parseSpiffeId(uri);
  } catch (cause) {
    throw misfit('its URI name is not a SPIFFE ID', cause);
  }
}

function checkUse(certificate: Certificate, profile: LeafProfile): void {
  const usages = [...certificate.extendedKeyUsage].sort().join();
  if (usages !== [...profile.extendedKeyUsage].sort().join()) {
    throw misfit(`its extended key usage is not exactly ${profile.extendedKeyUsage.join(' and ')}`);
  }
  checkNoAuthority(certificate);
  if (profile.keyUsage.some((usage) => !certificate.keyUsage.includes(usage))) {
    throw misfit(`its key usage lacks what kind ${profile.kind} needs`);
  }
}

function checkForm(certificate: Certificate, profile: LeafProfile): void {
  const addresses = certificate.dnsNames.length + certificate.ipAddresses.length;
  if (certificate.otherNames > 0 || (addresses > 0 && !profile.addressNames)) {
    throw misfit(`a certificate of kind ${profile.kind} does not carry such names beside its SPIFFE ID`);
  }
  // RFC 6960 §4.2.2.2.1: whoever sees it does not ask whether the certificate is revoked.
  if (certificate.ocspNoCheck !== (profile.kind === 'ocsp'))
    throw misfit(
      'only the certificate of an OCSP responder, and every one of those, goes without revocation',
    );
  if (certificate.unknownCritical.length > 0) throw misfit('it has a critical extension that is not known');
  checkSerialAndKey(certificate);
  const life = certificate.notAfter - certificate.notBefore;
  if (life <= 0 || life > profile.maximumLife + backdating)
    throw misfit(`it lives longer than kind ${profile.kind} may`);
}

/** What holds for every leaf. Throws Fault `certificate_profile`. */
export function checkSerialAndKey({ serial, publicKey, keyKind }: Certificate): void {
  // RFC 5280 §4.1.2.2; a twentieth octet with its first bit set would need another before it.
  if (!/^(?!0*$)([0-9a-f]{2,38}|[0-7][0-9a-f]{39})$/.test(serial))
    throw misfit('its serial is not a positive number of at most 20 octets');
  try {
    checkPublicKey(publicKey, keyKind);
  } catch (cause) {
    throw misfit('its key is not accepted', cause);
  }
}

/** Throws Fault `certificate_profile` unless it is for signatures, and neither a CA's nor for signing certificates or CRLs. */
export function checkNoAuthority({ isCa, pathLength, keyUsage }: Certificate): void {
  if (isCa || pathLength !== null) throw misfit('it is a CA certificate');
  if (
    !keyUsage.includes('digitalSignature') ||
    keyUsage.includes('keyCertSign') ||
    keyUsage.includes('cRLSign')
  ) {
    throw misfit('its key usage must be for signatures and not for certificates');
  }
}

export function misfit(why: string, cause?: unknown): Fault {
  return new Fault('certificate_profile', `The certificate does not fit its profile: ${why}.`, { cause });
}
