import type { KeyObject } from 'node:crypto';
import { equalBytes, toHex } from '../kernel/bytes.ts';
import type { CrlEntry } from './build-crl.ts';
import { usualEntries } from './usual-entries.ts';
import { verifySigned } from './certificate.ts';
import { tags } from './der.ts';
import {
  type DerElement,
  malformed,
  readBitString,
  elementAt,
  readElement,
  readOid,
  readSmall,
  readUnsigned,
  SequenceReader,
} from './der-reader.ts';
import { readExtensionList } from './extension-list.ts';
import { oidName, oids } from './oid.ts';
import { readDistributionPointName } from './publication-points.ts';
import { revocationReasonOf } from './revocation-reason.ts';
import { readTime } from './time.ts';

/** A certificate revocation list as a value (RFC 5280 §5). Reading one says nothing about whether to trust it. */
export interface Crl {
  readonly der: Uint8Array;
  readonly issuerDer: Uint8Array;
  /** Epoch milliseconds. */
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  readonly number: number;
  /** Hex. */
  readonly authorityKeyId: string;
  /** The URLs of its distribution point; null when it is for all certificates of its issuer. */
  readonly urls: readonly string[] | null;
  readonly entries: readonly CrlEntry[];
  readonly tbs: Uint8Array;
  readonly signature: Uint8Array;
  readonly signatureAlgorithm: string;
}

const greatestSize = 64 * 1024 * 1024;

/**
 * Reads one whole CRL of version 2 strictly: as RFC 5280 §5 profiles it, with number and authority key identifier, and
 * neither delta nor indirect. Throws Fault `malformed_der`.
 */
export function readCrl(der: Uint8Array): Crl {
  if (der.length > greatestSize) throw malformed('a CRL larger than 64 MiB');
  const whole = new SequenceReader(readElement(der));
  const tbs = whole.next(tags.sequence);
  const outerAlgorithm = whole.next(tags.sequence);
  const signature = readBitString(whole.next(tags.bitString));
  whole.end();
  const reader = new SequenceReader(tbs);
  if (readSmall(reader.next(tags.integer)) !== 1) throw malformed('a CRL that is not version 2');
  // RFC 5280 §5.1.1.2: both must be the same.
  if (!equalBytes(reader.next(tags.sequence).whole, outerAlgorithm.whole))
    throw malformed('two different signature algorithms');
  const issuer = reader.next(tags.sequence);
  const thisUpdate = readTime(reader.next());
  // RFC 5280 §5.1.2.5: a CRL without a next update says nothing about today.
  const nextUpdate = readTime(reader.next());
  if (nextUpdate <= thisUpdate) throw malformed('a CRL that ends before it begins');
  const revoked = reader.optional(tags.sequence);
  const extensions = reader.next(0xa0);
  reader.end();
  return {
    ...readCrlExtensions(readElement(extensions.content)),
    der,
    issuerDer: issuer.whole,
    thisUpdate,
    nextUpdate,
    entries: revoked === null ? [] : readEntries(revoked),
    tbs: tbs.whole,
    signature,
    signatureAlgorithm: oidName(readOid(new SequenceReader(outerAlgorithm).next(tags.oid))),
  };
}

/** Whether the list's signature was made by the key. */
export function isCrlSignedBy(crl: Crl, issuerKey: KeyObject): boolean {
  return verifySigned(crl.tbs, crl.signature, crl.signatureAlgorithm, issuerKey);
}

function readEntries(revoked: DerElement): readonly CrlEntry[] {
  const { content } = revoked;
  if (content.length === 0) throw malformed('an empty list that is written out');
  const usual = usualEntries(content);
  const entries: CrlEntry[] = [];
  for (let at = 0; at < content.length; ) {
    const length = content[at + 1] ?? 0;
    const entry = usual(at, at + 2 + length);
    if (entry) at += 2 + length;
    else at = readUnusual(content, at, entries);
    if (entry) entries.push(entry);
  }
  return entries;
}

/** Where the entry ends that begins there. */
function readUnusual(content: Uint8Array, at: number, entries: CrlEntry[]): number {
  const element = elementAt(content, at);
  entries.push(readEntry(element));
  return at + element.whole.length;
}

function readEntry(entry: DerElement): CrlEntry {
  const reader = new SequenceReader(entry);
  const serial = readUnsigned(reader.next(tags.integer));
  const revokedAt = readTime(reader.next());
  const extensions = reader.optional(tags.sequence);
  reader.end();
  if (serial.length > 20 || (serial.length === 1 && serial[0] === 0))
    throw malformed('a serial that is not a positive number of at most 20 octets');
  let reason: CrlEntry['reason'] = 'unspecified';
  for (const [oid, { critical, value }] of extensions ? readExtensionList(extensions) : []) {
    if (oid === oids.cRLReason) reason = readReason(value);
    // RFC 5280 §5.3: a list with an unknown critical one must not be used.
    else if (critical) throw malformed('a critical extension of an entry that is not known');
  }
  return { serial: toHex(serial), revokedAt, reason };
}

function readReason(value: DerElement): CrlEntry['reason'] {
  const [number, ...more] = value.content;
  const reason = number === undefined ? null : revocationReasonOf(number);
  if (value.tag !== tags.enumerated || more.length > 0 || reason === null)
    throw malformed('a reason that a whole CRL does not have');
  return reason;
}

function readCrlExtensions(list: DerElement): Pick<Crl, 'number' | 'authorityKeyId' | 'urls'> {
  let number: number | null = null;
  let authorityKeyId: string | null = null;
  let urls: readonly string[] | null = null;
  for (const [oid, { critical, value }] of readExtensionList(list)) {
    switch (oid) {
      case oids.cRLNumber:
        number = readNumber(value);
        break;
      case oids.authorityKeyIdentifier:
        authorityKeyId = readKeyId(value);
        break;
      case oids.issuingDistributionPoint:
        urls = readScope(value);
        break;
      default:
        // Among them the delta CRL indicator: a delta must not pass for the whole list.
        if (critical) throw malformed('a critical extension of a CRL that is not known');
    }
  }
  // RFC 5280 §5.2.1, §5.2.3: both must be there.
  if (number === null || authorityKeyId === null) throw malformed('a CRL without number or key identifier');
  return { number, authorityKeyId, urls };
}

function readNumber(value: DerElement): number {
  const magnitude = readUnsigned(value);
  const number = magnitude.reduce((sum, octet) => sum * 256 + octet, 0);
  if (!Number.isSafeInteger(number)) throw malformed('a CRL number out of range');
  return number;
}

function readKeyId(value: DerElement): string | null {
  const id = new SequenceReader(value).rest().find(({ tag }) => tag === 0x80);
  return id ? toHex(id.content) : null;
}

/** RFC 5280 §5.2.5. A list for some kinds of certificate or reason, or of several issuers, is not whole and not read. */
function readScope(value: DerElement): readonly string[] {
  const reader = new SequenceReader(value);
  const urls = readDistributionPointName(reader.next(0xa0));
  reader.end();
  return urls;
}
