import {
  contentAt,
  malformed,
  readElement,
  readElements,
  readSmall,
  SequenceReader,
  type DerElement,
} from '../../x509/der-reader.ts';
import { tags } from '../../x509/der.ts';

/** What the keystore of an Android device says of a key: KeyDescription, version 1 and later. */
export interface AndroidKeyDescription {
  /** Where the key and the word about it are from: software, the trusted environment, or StrongBox. */
  readonly securityLevels: readonly number[];
  readonly challenge: Uint8Array;
  readonly softwareEnforced: AuthorizationList;
  readonly hardwareEnforced: AuthorizationList;
}

/** The members of an AuthorizationList by the numbers of their tags; each is explicit. */
export type AuthorizationList = ReadonlyMap<number, DerElement>;

/** Reads one whole. Throws Fault `malformed_der`. */
export function readAndroidKeyDescription(octets: Uint8Array): AndroidKeyDescription {
  const reader = new SequenceReader(readElement(octets));
  reader.next(tags.integer);
  const attestationLevel = readEnumerated(reader.next(tags.enumerated));
  reader.next(tags.integer);
  const keyLevel = readEnumerated(reader.next(tags.enumerated));
  const { content: challenge } = reader.next(tags.octetString);
  reader.next(tags.octetString);
  const softwareEnforced = readAuthorizations(reader.next(tags.sequence));
  const hardwareEnforced = readAuthorizations(reader.next(tags.sequence));
  reader.end();
  return { securityLevels: [attestationLevel, keyLevel], challenge, softwareEnforced, hardwareEnforced };
}

/** A small ENUMERATED. */
export function readEnumerated({ tag, content }: DerElement): number {
  const [value = 0xff] = content;
  if (tag !== tags.enumerated || content.length !== 1 || value > 0x7f)
    throw malformed('a small ENUMERATED is expected');
  return value;
}

/** The numbers of a SET OF INTEGER. */
export function readNumbers(element: DerElement): readonly number[] {
  if (element.tag !== tags.set) throw malformed('a SET is expected');
  return readElements(element.content).map(readSmall);
}

/** Tag numbers here go beyond 30, so that they are in octets of their own (X.690 §8.1.2.4). */
function readAuthorizations({ content }: DerElement): AuthorizationList {
  const found = new Map<number, DerElement>();
  for (let at = 0; at < content.length; ) {
    const { number, next } = tagAt(content, at);
    const { from, end } = contentAt(content, next);
    if (found.has(number)) throw malformed('an authorization that comes twice');
    found.set(number, readElement(content.subarray(from, end)));
    at = end;
  }
  return found;
}

function tagAt(octets: Uint8Array, at: number): { readonly number: number; readonly next: number } {
  const first = octets[at] ?? 0;
  // Context-specific and constructed.
  if ((first & 0xe0) !== 0xa0) throw malformed('a tag that authorizations do not have');
  if ((first & 0x1f) !== 0x1f) return { number: first & 0x1f, next: at + 1 };
  const high = octets[at + 1] ?? 0;
  const low = octets[at + 2] ?? 0xff;
  if (high < 0x80) return { number: high, next: at + 2 };
  if (high === 0x80 || low >= 0x80) throw malformed('a tag number that is out of range');
  return { number: (high & 0x7f) * 128 + low, next: at + 3 };
}
