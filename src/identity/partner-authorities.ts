import { equalBytes } from '../kernel/bytes.ts';
import { Fault } from '../kernel/fault.ts';
import type { Certificate } from '../x509/certificate.ts';
import { comparableName } from '../x509/name.ts';
import { checkPublicKey } from '../x509/public-key.ts';

/** What the authorities of a partner are held to. */
export interface PartnerTerms {
  readonly trustDomain: string;
  /** Every authority that is trusted for another domain: ours, and those of other partners. */
  readonly others: readonly Certificate[];
  /** Epoch milliseconds. */
  readonly now: number;
}

/** The most authorities that one partner may have. */
export const mostAuthorities = 16;

interface Rule {
  readonly holds: (authority: Certificate, terms: PartnerTerms) => boolean;
  readonly why: string;
}

/** The most octets of a certificate and of the name in it: names of authorities stand in every handshake. */
const greatest = { certificate: 8_192, name: 512 } as const;

const rules: readonly Rule[] = [
  {
    holds: ({ der, subjectDer }) => der.length <= greatest.certificate && subjectDer.length <= greatest.name,
    why: 'it, or the name in it, is too long',
  },
  { holds: ({ isCa }) => isCa, why: 'it is not a CA certificate' },
  {
    // X509-SVID §4.3: what signs certificates says so.
    holds: ({ keyUsage }) => keyUsage.includes('keyCertSign'),
    why: 'its key usage does not name keyCertSign',
  },
  {
    // RFC 5280 §4.2.1.2; without one, OpenSSL takes it for the issuer of whatever names an authority of that name.
    holds: ({ subjectKeyId }) => subjectKeyId !== null && subjectKeyId !== '',
    why: 'it has no subject key identifier',
  },
  {
    holds: ({ extendedKeyUsage, unknownCritical }) =>
      extendedKeyUsage.length === 0 && unknownCritical.length === 0,
    why: 'it has an extended key usage, or a critical extension that is not known here',
  },
  {
    holds: ({ serial }) => /^[0-9a-f]{1,40}$/.test(serial) && !/^0+$/.test(serial),
    why: 'its serial is not a positive number of at most 20 octets',
  },
  {
    holds: ({ uris }, { trustDomain }) =>
      uris.every((uri) => `${uri}/`.startsWith(`spiffe://${trustDomain}/`)),
    why: 'it carries the SPIFFE ID of another trust domain',
  },
  {
    holds: ({ permittedUris }, { trustDomain }) =>
      !permittedUris?.length || permittedUris.includes(trustDomain),
    why: 'its name constraints do not permit the trust domain',
  },
  {
    holds: ({ spki }, { others }) => !others.some((other) => equalBytes(other.spki, spki)),
    why: 'its key is that of an authority of this trust domain or of another partner',
  },
  {
    holds: (authority, { others }) => !others.some((other) => confused(authority, other)),
    why: 'it has the name of an authority of this trust domain or of another partner, and no key identifier tells them apart',
  },
];

/**
 * The authorities that may vouch for the callers of a partner, those that have ended left out. Throws Fault
 * `bundle_refused` or `key_unacceptable`.
 */
export function checkPartnerAuthorities(
  given: readonly Certificate[],
  terms: PartnerTerms,
): readonly Certificate[] {
  const live = given.filter(({ notAfter }) => terms.now <= notAfter);
  if (live.length === 0) throw refused('it has no authority that has not ended');
  if (live.length > mostAuthorities) throw refused(`it has more than ${mostAuthorities} authorities`);
  for (const authority of live) {
    const broken = rules.find((rule) => !rule.holds(authority, terms));
    if (broken) throw refused(`of the authority ${nameOf(authority)}: ${broken.why}`);
    checkPublicKey(authority.publicKey);
    if (live.some((other) => !equalBytes(other.spki, authority.spki) && confused(authority, other))) {
      throw refused(
        `two authorities are called ${nameOf(authority)}, and no key identifier tells them apart`,
      );
    }
  }
  return live;
}

/** Whether OpenSSL, which looks for an issuer by its name and key identifier, may take one for the other. */
function confused(one: Certificate, other: Certificate): boolean {
  if (comparableName(one.subjectDer) !== comparableName(other.subjectDer)) return false;
  return one.subjectKeyId === null || other.subjectKeyId === null || one.subjectKeyId === other.subjectKeyId;
}

function nameOf({ commonName, serial }: Certificate): string {
  return `"${commonName ?? ''}" (serial ${serial})`;
}

function refused(why: string): Fault {
  return new Fault('bundle_refused', `The trust bundle is not accepted: ${why}.`);
}
