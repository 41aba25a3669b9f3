import type { KeyObject } from 'node:crypto';
import { equalBytes } from '../kernel/bytes.ts';
import { Fault } from '../kernel/fault.ts';
import { type Certificate, isSignedBy } from '../x509/certificate.ts';
import { checkValidity } from '../x509/leaf-profile.ts';

/** What a new intermediate is held to. */
export interface IntermediateTerms {
  readonly root: Certificate;
  /** The key that it was asked for. */
  readonly publicKey: KeyObject;
  /** The intermediate that it shall replace: the new one may name what that may, neither less nor more. */
  readonly replaces: Certificate;
  /** Epoch milliseconds. */
  readonly now: number;
}

const shortestRest = 24 * 60 * 60 * 1000;

interface Rule {
  readonly holds: (certificate: Certificate, terms: IntermediateTerms) => boolean;
  readonly why: string;
}

// RFC 5280 §4.2.1: whoever signed it, perhaps by hand, it must be what `init` would have made.
const rules: readonly Rule[] = [
  {
    holds: (certificate, { publicKey }) => certificate.publicKey.equals(publicKey),
    why: 'it is for another key than the one that was asked for',
  },
  {
    holds: (certificate, { root }) =>
      equalBytes(certificate.issuerDer, root.subjectDer) && isSignedBy(certificate, root.publicKey),
    why: 'it is not signed by the root',
  },
  {
    holds: ({ isCa, pathLength }) => isCa && pathLength === 0,
    why: 'it is not a CA certificate of path length 0',
  },
  {
    holds: ({ keyUsage }) => keyUsage.includes('keyCertSign') && keyUsage.includes('cRLSign'),
    why: 'its key usage does not allow signing certificates and CRLs',
  },
  {
    holds: ({ subjectKeyId }) => subjectKeyId !== null,
    why: 'it has no subject key identifier, by which leaves name it',
  },
  {
    holds: ({ subjectDer }, { replaces, root }) =>
      !equalBytes(subjectDer, replaces.subjectDer) && !equalBytes(subjectDer, root.subjectDer),
    why: 'it has the subject of another CA certificate here, and chains would be ambiguous',
  },
  {
    holds: (certificate, { replaces }) =>
      sameSet(certificate.permittedUris, replaces.permittedUris) &&
      sameSet(certificate.permittedDns, replaces.permittedDns),
    why: 'its name constraints are not those of the intermediate before it',
  },
  {
    holds: ({ unknownCritical, extendedKeyUsage }) =>
      unknownCritical.length === 0 && extendedKeyUsage.length === 0,
    why: 'it has a critical extension that is not known here, or an extended key usage',
  },
  {
    holds: ({ notAfter }, { now, root }) => notAfter - now > shortestRest && notAfter <= root.notAfter,
    why: 'it ends within a day, or after its root',
  },
];

/**
 * Holds a new intermediate to what it is for. Throws Fault `certificate_profile`, `certificate_expired`,
 * `certificate_not_yet_valid`.
 */
export function checkIntermediate(certificate: Certificate, terms: IntermediateTerms): void {
  const broken = rules.find((rule) => !rule.holds(certificate, terms));
  if (broken) {
    throw new Fault('certificate_profile', `This cannot be the next intermediate: ${broken.why}.`);
  }
  checkValidity(certificate, terms.now);
}

function sameSet(one: readonly string[] | null, other: readonly string[] | null): boolean {
  if (one === null || other === null) return one === other;
  return one.length === other.length && one.every((name) => other.includes(name));
}
