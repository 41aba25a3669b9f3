import type { KeyObject } from 'node:crypto';
import { equalBytes } from '../kernel/bytes.ts';
import { tags } from './der.ts';
import { malformed, readElement, SequenceReader } from './der-reader.ts';
import { readPublicKey } from './public-key.ts';

/** A certificate as CMS points at it (RFC 5652 §10.2.4). */
export interface IssuerAndSerial {
  /** DER of the name. */
  readonly issuerDer: Uint8Array;
  /** The content octets of the INTEGER. */
  readonly serial: Uint8Array;
}

/**
 * What is needed of a certificate that only carries a key: one that a client has signed itself may hold what no certificate
 * of ours does, and nothing in it is believed but that it goes with its key.
 */
export interface KeyCertificate extends IssuerAndSerial {
  readonly der: Uint8Array;
  readonly spki: Uint8Array;
}

/** Reads issuer, serial and key of a certificate (RFC 5280 §4.1). Throws Fault `malformed_der`. */
export function readKeyCertificate(der: Uint8Array): KeyCertificate {
  const tbs = new SequenceReader(new SequenceReader(readElement(der)).next(tags.sequence));
  tbs.optional(0xa0);
  const serial = tbs.next(tags.integer).content;
  tbs.next(tags.sequence);
  const issuerDer = tbs.next(tags.sequence).whole;
  tbs.next(tags.sequence);
  tbs.next(tags.sequence);
  return { der, issuerDer, serial, spki: tbs.next(tags.sequence).whole };
}

/** Reads an IssuerAndSerialNumber. */
export function readIssuerAndSerial(octets: Uint8Array): IssuerAndSerial {
  const reader = new SequenceReader(readElement(octets));
  const issuerDer = reader.next(tags.sequence).whole;
  const serial = reader.next(tags.integer).content;
  reader.end();
  return { issuerDer, serial };
}

/** Whether both point at one certificate. */
export function isSameCertificate(a: IssuerAndSerial, b: IssuerAndSerial): boolean {
  return equalBytes(a.issuerDer, b.issuerDer) && equalBytes(a.serial, b.serial);
}

/** The RSA key of such a certificate, or null for a key of another kind or an unusual size. Throws `key_unacceptable`. */
export function rsaKeyOf({ spki }: KeyCertificate): KeyObject | null {
  const key = readPublicKey(spki);
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  // The exponent is bounded because a stranger's long one makes each verification slow.
  const usual = publicExponent >= 65_537n && publicExponent < 2n ** 33n && publicExponent % 2n === 1n;
  return key.asymmetricKeyType === 'rsa' && modulusLength >= 2_048 && modulusLength <= 4_096 && usual
    ? key
    : null;
}

/** Throws Fault `malformed_der` for what is not one element. */
export function onlyOne<Value>(values: readonly Value[], what: string): Value {
  const [first, ...more] = values;
  if (first === undefined || more.length > 0) throw malformed(`not exactly one ${what}`);
  return first;
}
