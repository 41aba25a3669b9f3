import type { Issuer } from '../../ca/issuer.ts';
import { checkNameConstraints } from '../../ca/name-constraints.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Subject } from './acme-records.ts';
import type { Identifier } from './identifier.ts';

/** Identifiers beside the one that is the name of the account itself. */
export interface SplitIdentifiers {
  /** That name, or null. */
  readonly own: Identifier | null;
  readonly others: readonly Identifier[];
}

/**
 * certbot and lego take the common name of a certificate that they renew for one of its DNS names, and ours is the name of
 * the server or agent. The account holds that name by its binding; it stands in the subject and among no DNS names. A
 * name that the authority could certify as a DNS name is one, and must be proved.
 */
export function splitOwnName(
  identifiers: readonly Identifier[],
  { name }: Pick<Subject, 'name'>,
  issuer: Issuer,
): SplitIdentifiers {
  const own = identifiers.find(({ type, value }) => type === 'dns' && value === name);
  if (!own || isDnsName(name, issuer)) return { own: null, others: identifiers };
  return { own, others: identifiers.filter((one) => one !== own) };
}

function isDnsName(name: string, { trustDomain, chain }: Issuer): boolean {
  try {
    checkNameConstraints({ commonName: name, trustDomain, dnsNames: [name] }, chain);
    return true;
  } catch (error) {
    if (error instanceof Fault) return false;
    throw error;
  }
}
