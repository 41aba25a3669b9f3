import { concat } from '../kernel/bytes.ts';
import { element, explicit, objectIdentifier, sequence, setOf, smallInteger } from './der.ts';
import { oids } from './oid.ts';

/**
 * A certs-only message: a CMS SignedData without content and without signers, which carries certificates and nothing else
 * (RFC 5652 §5.1; RFC 5751 §3.8, "degenerate"). `certificates`: DER, in the order in which they shall stand.
 */
export function certsOnly(certificates: readonly Uint8Array[]): Uint8Array {
  // [0] IMPLICIT SET OF: kept in the caller's order, because readers take the first for the one they asked for.
  return withoutSigner(element(0xa0, concat(certificates)));
}

/** The same that carries one CRL and nothing else. */
export function crlOnly(crl: Uint8Array): Uint8Array {
  return withoutSigner(element(0xa1, crl));
}

function withoutSigner(carried: Uint8Array): Uint8Array {
  const content = sequence(objectIdentifier(oids.data));
  const signedData = sequence(smallInteger(1), setOf(), content, carried, setOf());
  return sequence(objectIdentifier(oids.signedData), explicit(0, signedData));
}
