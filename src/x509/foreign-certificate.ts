import type { KeyObject } from 'node:crypto';
import { equalBytes } from '../kernel/bytes.ts';
import { tags } from './der.ts';
import {
  malformed,
  readBitString,
  readBoolean,
  readElement,
  readElements,
  readOid,
  readSmall,
  SequenceReader,
} from './der-reader.ts';
import { readPublicKey } from './public-key.ts';

/** An extension whose value may be anything: makers of devices put octets there that are no DER. */
export interface ForeignExtension {
  readonly critical: boolean;
  readonly value: Uint8Array;
}

/**
 * A certificate of somebody who certifies devices and not names: what it says is in extensions of their own. Reading one
 * says nothing about whether to trust it.
 */
export interface ForeignCertificate {
  readonly der: Uint8Array;
  readonly subjectIsEmpty: boolean;
  /** DER of the SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  readonly publicKey: KeyObject;
  /** By their dotted identifiers. */
  readonly extensions: ReadonlyMap<string, ForeignExtension>;
}

const greatestSize = 16 * 1024;

/** Reads one of version 3, strictly but for the values of extensions. Throws Fault `malformed_der`, `key_unacceptable`. */
export function readForeignCertificate(der: Uint8Array): ForeignCertificate {
  if (der.length > greatestSize) throw malformed('a certificate larger than 16 KiB');
  const whole = new SequenceReader(readElement(der));
  const tbs = new SequenceReader(whole.next(tags.sequence));
  const outerAlgorithm = whole.next(tags.sequence);
  readBitString(whole.next(tags.bitString));
  whole.end();
  if (readSmall(readElement(tbs.next(0xa0).content)) !== 2)
    throw malformed('a certificate that is not version 3');
  tbs.next(tags.integer);
  // RFC 5280 §4.1.1.2: both must be the same.
  if (!equalBytes(tbs.next(tags.sequence).whole, outerAlgorithm.whole))
    throw malformed('two different signature algorithms');
  tbs.next(tags.sequence);
  tbs.next(tags.sequence);
  const subject = tbs.next(tags.sequence);
  const spki = tbs.next(tags.sequence).whole;
  tbs.optional(0x81);
  tbs.optional(0x82);
  const extensions = readForeignExtensions(tbs.next(0xa3).content);
  tbs.end();
  const publicKey = readPublicKey(spki);
  return { der, subjectIsEmpty: subject.content.length === 0, spki, publicKey, extensions };
}

function readForeignExtensions(list: Uint8Array): ReadonlyMap<string, ForeignExtension> {
  const found = new Map<string, ForeignExtension>();
  const sequence = readElement(list);
  if (sequence.tag !== tags.sequence) throw malformed('extensions are expected');
  for (const member of readElements(sequence.content)) {
    const reader = new SequenceReader(member);
    const oid = readOid(reader.next(tags.oid));
    const criticality = reader.optional(tags.boolean);
    const critical = criticality !== null && readBoolean(criticality);
    const { content: value } = reader.next(tags.octetString);
    reader.end();
    if (found.has(oid)) throw malformed('an extension that comes twice');
    found.set(oid, { critical, value });
  }
  return found;
}
