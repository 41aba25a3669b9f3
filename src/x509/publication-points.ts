import { explicit, implicit, objectIdentifier, sequence, tags } from './der.ts';
import {
  type DerElement,
  malformed,
  readElement,
  readElements,
  readOid,
  SequenceReader,
} from './der-reader.ts';
import { ascii, extension, generalName, readAscii } from './general-name.ts';
import { oids } from './oid.ts';

/** Where a certificate says that more about it is to be had. */
export interface PublicationPoints {
  /** Of the CRL that would list it (RFC 5280 §4.2.1.13). */
  readonly crlUrls: readonly string[];
  /** Of OCSP responders (RFC 5280 §4.2.2.1). */
  readonly ocspUrls: readonly string[];
  /** Of its issuer's certificate (RFC 5280 §4.2.2.1). */
  readonly issuerUrls: readonly string[];
}

/** The `DistributionPointName [0]` of one URL; octet by octet the same in a certificate and in its CRL. */
export function distributionPointName(url: string): Uint8Array {
  return explicit(0, explicit(0, implicit(generalName.uri & 0x1f, ascii(url))));
}

/** One distribution point for all reasons, from the issuer itself. Throws Fault `invalid_input`. */
export function crlDistributionPoint(url: string): Uint8Array {
  return extension(oids.cRLDistributionPoints, false, sequence(sequence(distributionPointName(url))));
}

/** Throws Fault `invalid_input`. */
export function authorityInfoAccess(urls: {
  readonly ocsp?: string;
  readonly caIssuers?: string;
}): Uint8Array {
  const access = (method: string, url: string | undefined): readonly Uint8Array[] =>
    url === undefined
      ? []
      : [sequence(objectIdentifier(method), implicit(generalName.uri & 0x1f, ascii(url)))];
  return extension(
    oids.authorityInfoAccess,
    false,
    sequence(...access(oids.ocsp, urls.ocsp), ...access(oids.caIssuers, urls.caIssuers)),
  );
}

/** The URLs of all points that have a full name; others, and other kinds of name, are passed over. */
export function readCrlDistributionPoints(value: DerElement): readonly string[] {
  return new SequenceReader(value).rest().flatMap((point) => {
    const reader = new SequenceReader(point);
    const name = reader.optional(0xa0);
    reader.optional(0x81);
    reader.optional(0xa2);
    reader.end();
    return name === null ? [] : readDistributionPointName(name);
  });
}

/** The URLs of a `DistributionPointName [0]`; none for a name relative to the issuer. */
export function readDistributionPointName(element: DerElement): readonly string[] {
  const name = readElement(element.content);
  if (name.tag === 0xa1) return [];
  if (name.tag !== 0xa0) throw malformed('a distribution point name is expected');
  return readElements(name.content)
    .filter(({ tag }) => tag === generalName.uri)
    .map(readAscii);
}

export function readAuthorityInfoAccess(value: DerElement): Omit<PublicationPoints, 'crlUrls'> {
  const found: Record<string, string[]> = { [oids.ocsp]: [], [oids.caIssuers]: [] };
  for (const member of new SequenceReader(value).rest()) {
    const reader = new SequenceReader(member);
    const method = readOid(reader.next(tags.oid));
    const place = reader.next();
    reader.end();
    if (place.tag === generalName.uri) found[method]?.push(readAscii(place));
  }
  return { ocspUrls: found[oids.ocsp] ?? [], issuerUrls: found[oids.caIssuers] ?? [] };
}
