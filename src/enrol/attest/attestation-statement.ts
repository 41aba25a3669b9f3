import { type ForeignCertificate, readForeignCertificate } from '../../x509/foreign-certificate.ts';
import { refusedAttestation } from './attestation-fault.ts';
import type { DeviceName } from './device-name.ts';
import type { CborMap, CborValue } from './read-cbor.ts';

/** What a statement has to be about. */
export interface Challenge {
  readonly token: string;
  /** RFC 8555 §8.1. */
  readonly keyAuthorization: string;
}

/** A statement that holds in itself: what it says, if its chain is one that is trusted. */
export interface ReadStatement {
  readonly leaf: ForeignCertificate;
  readonly intermediates: readonly Uint8Array[];
  /** DER of the SubjectPublicKeyInfo of the key that is attested. */
  readonly spki: Uint8Array;
  /** The names that the device has. */
  readonly names: readonly DeviceName[];
}

const mostCertificates = 8;

/** The certificates of `x5c`, the first of them read. Throws Fault `attestation_refused`, `malformed_der`. */
export function readChain(statement: CborMap): Pick<ReadStatement, 'leaf' | 'intermediates'> {
  const chain = statement.get('x5c');
  if (!Array.isArray(chain) || chain.length === 0 || chain.length > mostCertificates) {
    throw refusedAttestation(`x5c is a list of 1 to ${mostCertificates} certificates`);
  }
  const [first, ...intermediates] = (chain as readonly CborValue[]).map((one) => octetsOf(one, 'x5c'));
  if (!first) throw refusedAttestation('x5c is empty');
  return { leaf: readForeignCertificate(first), intermediates };
}

export function octetsOf(value: CborValue | undefined, name: string): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw refusedAttestation(`${name} is missing, or not of octets`);
}
