import { toHex } from '../kernel/bytes.ts';
import { keyIdentifier } from '../x509/build-certificate.ts';
import type { Certificate } from '../x509/certificate.ts';

/** Where the standing of an issuer's certificates is published, as those certificates say it. */
export interface PublicationUrls {
  /** The CRL that would list the serial. */
  crl(serial: string): string;
  /** The CRL of one part of all serials. */
  shard(index: number): string;
  readonly ocsp: string;
  /** The issuer's own certificate. */
  readonly issuer: string;
}

/** `base` is an http origin: whoever checks a certificate cannot begin with TLS (RFC 5280 §8). */
export function publicationUrls(base: string, issuer: Certificate): PublicationUrls {
  const origin = base.replace(/\/$/, '');
  const id = keyIdOf(issuer);
  const shard = (index: number): string => `${origin}${shardPath(id, index)}`;
  return {
    crl: (serial) => shard(shardOf(serial)),
    shard,
    ocsp: `${origin}/ocsp`,
    issuer: `${origin}/ca/${id}.cer`,
  };
}

/** Hex of an issuer's key identifier, by which its lists are named; worked out for a certificate without. */
export function keyIdOf({ subjectKeyId, spki }: Pick<Certificate, 'subjectKeyId' | 'spki'>): string {
  return subjectKeyId ?? toHex(keyIdentifier(spki));
}

/**
 * How many lists the serials of an issuer are spread over. Certificates name theirs, so the number never changes without
 * the paths: with a million revoked certificates a verifier loads two megabytes instead of forty.
 */
export const shardCount = 16;

/** The path of the list for one part of all serials. */
export function shardPath(keyId: string, index: number): string {
  return `/crl/${keyId}/${shardCount}/${index}.crl`;
}

/** Which list a serial belongs to: its last digit decides, and it is random. */
export function shardOf(serial: string): number {
  return Number.parseInt(serial.slice(-1), 16);
}
