import { Fault } from '../kernel/fault.ts';
import type { Certificate } from '../x509/certificate.ts';

/** The names that a leaf would carry. */
export interface LeafNames {
  readonly commonName: string;
  readonly trustDomain: string;
  readonly dnsNames: readonly string[];
}

/**
 * Holds the names of a leaf to the name constraints of every certificate above it (RFC 5280 §4.2.1.10), so that no
 * certificate is issued that every verifier refuses. Throws Fault `invalid_input`.
 */
export function checkNameConstraints(names: LeafNames, chain: readonly Certificate[]): void {
  for (const { permittedUris, permittedDns } of chain) {
    if (permittedUris && !permittedUris.some((host) => covers(host, names.trustDomain, false))) {
      throw new Fault(
        'invalid_input',
        `The authority's own certificate does not permit the trust domain ${names.trustDomain}.`,
      );
    }
    if (!permittedDns) continue;
    for (const name of comparedNames(names)) {
      if (permittedDns.some((domain) => covers(domain, name, true))) continue;
      throw new Fault(
        'invalid_input',
        `The authority's own certificate does not permit the name ${name}, only ${permittedDns.join(', ')} and what lies below. A name with a dot counts as a DNS name: choose one without, or make the authority for that domain too.`,
      );
    }
  }
}

// OpenSSL holds a common name that looks like a DNS name to the DNS constraints when the leaf has no DNS name.
function comparedNames({ commonName, dnsNames }: LeafNames): readonly string[] {
  if (dnsNames.length > 0) return dnsNames;
  return commonName.includes('.') ? [commonName] : [];
}

/** A URI constraint names a host, or the hosts below when it starts with a dot; a DNS constraint names both. */
function covers(constraint: string, name: string, below: boolean): boolean {
  if (constraint.startsWith('.')) return name.endsWith(constraint);
  return name === constraint || (below && name.endsWith(`.${constraint}`));
}
