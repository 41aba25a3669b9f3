import { isIP } from 'node:net';
import {
  boolean,
  element,
  explicit,
  implicit,
  namedBits,
  objectIdentifier,
  octetString,
  sequence,
  smallInteger,
  tags,
} from './der.ts';
import {
  type DerElement,
  malformed,
  readBoolean,
  readElement,
  readElements,
  readNamedBits,
  readOid,
  readSmall,
  SequenceReader,
} from './der-reader.ts';
import { addressOctets, addressText } from './ip-address.ts';
import {
  type PublicationPoints,
  readAuthorityInfoAccess,
  readCrlDistributionPoints,
} from './publication-points.ts';
import { ascii, extension, generalName, readAscii } from './general-name.ts';
import { oidName, oids } from './oid.ts';

/** RFC 5280 §4.2.1.3, in bit order. */
export const keyUsages = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;

/** Subject alternative names by kind. */
export interface AlternativeNames {
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
}

/** What a leaf of ours may be used for. */
export type LeafUsage = 'clientAuth' | 'serverAuth' | 'OCSPSigning' | 'cmcRA';

/** Every extension this room reads, with what an absent one means. */
export interface Extensions extends AlternativeNames, PublicationPoints {
  readonly isCa: boolean;
  readonly pathLength: number | null;
  readonly keyUsage: readonly string[];
  /** Names, or dotted identifiers where this room has no name. */
  readonly extendedKeyUsage: readonly string[];
  /** How many alternative names are of another kind. */
  readonly otherNames: number;
  /** Those of them that are otherNames [0], whole. */
  readonly otherNameOctets: readonly Uint8Array[];
  readonly subjectKeyId: string | null;
  readonly authorityKeyId: string | null;
  readonly permittedUris: readonly string[] | null;
  readonly permittedDns: readonly string[] | null;
  /** RFC 6960 §4.2.2.2.1: a responder's certificate that is not asked about itself. */
  readonly ocspNoCheck: boolean;
  /** Critical extensions that this room does not know. */
  readonly unknownCritical: readonly string[];
}

export function basicConstraints(ca: boolean, pathLength: number | null): Uint8Array {
  const members = ca ? [boolean(true), ...(pathLength === null ? [] : [smallInteger(pathLength)])] : [];
  return extension(oids.basicConstraints, true, sequence(...members));
}

export function keyUsage(usages: readonly (typeof keyUsages)[number][]): Uint8Array {
  return extension(oids.keyUsage, true, namedBits(usages.map((usage) => keyUsages.indexOf(usage))));
}

export function extendedKeyUsage(usages: readonly LeafUsage[]): Uint8Array {
  return extension(
    oids.extKeyUsage,
    false,
    sequence(...usages.map((usage) => objectIdentifier(oids[usage]))),
  );
}

export function subjectAltName(names: AlternativeNames): Uint8Array {
  return extension(oids.subjectAltName, false, alternativeNames(names));
}

/** The GeneralNames of a subject alternative name. Throws Fault `invalid_input`. */
export function alternativeNames({ uris, dnsNames, ipAddresses }: AlternativeNames): Uint8Array {
  return sequence(
    ...uris.map((uri) => implicit(generalName.uri & 0x1f, ascii(uri))),
    ...dnsNames.map((name) => implicit(generalName.dns & 0x1f, ascii(name))),
    ...ipAddresses.map((address) => implicit(generalName.ip & 0x1f, addressOctets(address))),
  );
}

export function subjectKeyIdentifier(id: Uint8Array): Uint8Array {
  return extension(oids.subjectKeyIdentifier, false, octetString(id));
}

export function authorityKeyIdentifier(idHex: string): Uint8Array {
  return extension(
    oids.authorityKeyIdentifier,
    false,
    sequence(implicit(0, new Uint8Array(Buffer.from(idHex, 'hex')))),
  );
}

/** Permitted subtrees only (RFC 5280 §4.2.1.10); a URI subtree names the host of the URIs. */
export function nameConstraints(permitted: {
  readonly uris: readonly string[];
  readonly dns: readonly string[];
}): Uint8Array {
  const subtrees = [
    ...permitted.uris.map((host) => sequence(implicit(generalName.uri & 0x1f, ascii(host)))),
    ...permitted.dns.map((name) => sequence(implicit(generalName.dns & 0x1f, ascii(name)))),
  ];
  return extension(oids.nameConstraints, true, sequence(explicit(0, ...subtrees)));
}

/** RFC 6960 §4.2.2.2.1. */
export function ocspNoCheck(): Uint8Array {
  return extension(oids.ocspNoCheck, false, element(tags.null, new Uint8Array(0)));
}

/** The `extensions [3]` or extension-request list, written whole. */
export function extensionList(extensions: readonly Uint8Array[]): Uint8Array {
  return sequence(...extensions);
}

type Mutable = { -readonly [Name in keyof Extensions]: Extensions[Name] };

/** Reads an Extensions sequence, or nothing. Throws Fault `malformed_der`, also for an extension that comes twice. */
export function readExtensions(list: DerElement | null): Extensions {
  const found: Mutable = {
    isCa: false,
    pathLength: null,
    keyUsage: [],
    extendedKeyUsage: [],
    uris: [],
    dnsNames: [],
    ipAddresses: [],
    otherNames: 0,
    otherNameOctets: [],
    subjectKeyId: null,
    authorityKeyId: null,
    permittedUris: null,
    permittedDns: null,
    crlUrls: [],
    ocspUrls: [],
    issuerUrls: [],
    ocspNoCheck: false,
    unknownCritical: [],
  };
  if (!list) return found;
  const seen = new Set<string>();
  for (const member of new SequenceReader(list).rest()) {
    const reader = new SequenceReader(member);
    const oid = readOid(reader.next(tags.oid));
    const criticality = reader.optional(tags.boolean);
    const critical = criticality !== null && readBoolean(criticality);
    // X.690 §11.5: a default value is not written.
    if (criticality && !critical) throw malformed('a default that is written out');
    const value = readElement(reader.next(tags.octetString).content);
    reader.end();
    if (seen.has(oid)) throw malformed('an extension that comes twice');
    seen.add(oid);
    const read = readers[oid];
    if (read) read(value, found);
    else if (critical) found.unknownCritical = [...found.unknownCritical, oid];
  }
  return found;
}

const readers: Readonly<Record<string, (value: DerElement, into: Mutable) => void>> = {
  [oids.basicConstraints](value, into) {
    const reader = new SequenceReader(value);
    const ca = reader.optional(tags.boolean);
    const pathLength = reader.optional(tags.integer);
    reader.end();
    into.isCa = ca !== null && readBoolean(ca);
    into.pathLength = pathLength ? readSmall(pathLength) : null;
  },
  [oids.keyUsage](value, into) {
    into.keyUsage = readNamedBits(value).map((bit) => keyUsages[bit] ?? `bit ${bit}`);
  },
  [oids.extKeyUsage](value, into) {
    into.extendedKeyUsage = new SequenceReader(value).rest().map((usage) => oidName(readOid(usage)));
  },
  [oids.subjectAltName](value, into) {
    Object.assign(into, readAlternativeNames(value));
  },
  [oids.subjectKeyIdentifier](value, into) {
    if (value.tag !== tags.octetString) throw malformed('a key identifier is expected');
    into.subjectKeyId = Buffer.from(value.content).toString('hex');
  },
  [oids.authorityKeyIdentifier](value, into) {
    const id = new SequenceReader(value).rest().find((member) => member.tag === 0x80);
    into.authorityKeyId = id ? Buffer.from(id.content).toString('hex') : null;
  },
  [oids.nameConstraints](value, into) {
    const permitted = new SequenceReader(value).optional(0xa0);
    const names = permitted
      ? readElements(permitted.content).map((subtree) => new SequenceReader(subtree).next())
      : [];
    into.permittedUris = names.filter((name) => name.tag === generalName.uri).map(readAscii);
    into.permittedDns = names.filter((name) => name.tag === generalName.dns).map(readAscii);
  },
  [oids.cRLDistributionPoints](value, into) {
    into.crlUrls = readCrlDistributionPoints(value);
  },
  [oids.authorityInfoAccess](value, into) {
    Object.assign(into, readAuthorityInfoAccess(value));
  },
  [oids.ocspNoCheck](value, into) {
    if (value.tag !== tags.null || value.content.length > 0) throw malformed('a NULL is expected');
    into.ocspNoCheck = true;
  },
};

function readAlternativeNames(
  value: DerElement,
): AlternativeNames & Pick<Extensions, 'otherNames' | 'otherNameOctets'> {
  const names = new SequenceReader(value).rest();
  const of = (tag: number): readonly DerElement[] => names.filter((name) => name.tag === tag);
  const known: readonly number[] = Object.values(generalName);
  return {
    uris: of(generalName.uri).map(readAscii),
    dnsNames: of(generalName.dns).map(readAscii),
    ipAddresses: of(generalName.ip).map((name) => {
      const address = addressText(name.content);
      if (isIP(address) === 0) throw malformed('an IP address of neither 4 nor 16 octets');
      return address;
    }),
    otherNameOctets: of(0xa0).map(({ whole }) => whole),
    otherNames: names.filter((name) => !known.includes(name.tag)).length,
  };
}

/** The SubjectPublicKeyInfo's key octets, for key identifiers (RFC 5280 §4.2.1.2, method 1). */
export function keyBits(spki: Uint8Array): Uint8Array {
  const reader = new SequenceReader(readElement(spki));
  reader.next(tags.sequence);
  const bits = reader.next(tags.bitString);
  reader.end();
  if (bits.content[0] !== 0) throw malformed('a public key of whole octets is expected');
  return bits.content.subarray(1);
}
