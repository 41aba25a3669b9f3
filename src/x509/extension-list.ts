import { tags } from './der.ts';
import {
  type DerElement,
  malformed,
  readBoolean,
  readElement,
  readOid,
  SequenceReader,
} from './der-reader.ts';

/** One Extension as it stands in a list. */
export interface ListedExtension {
  readonly critical: boolean;
  readonly value: DerElement;
}

/** The members of an Extensions sequence by their dotted identifiers. Throws Fault `malformed_der`. */
export function readExtensionList(list: DerElement): ReadonlyMap<string, ListedExtension> {
  const found = new Map<string, ListedExtension>();
  for (const member of new SequenceReader(list).rest()) {
    const reader = new SequenceReader(member);
    const oid = readOid(reader.next(tags.oid));
    const criticality = reader.optional(tags.boolean);
    const critical = criticality !== null && readBoolean(criticality);
    // X.690 §11.5: a default value is not written.
    if (criticality && !critical) throw malformed('a default that is written out');
    const value = readElement(reader.next(tags.octetString).content);
    reader.end();
    if (found.has(oid)) throw malformed('an extension that comes twice');
    found.set(oid, { critical, value });
  }
  if (found.size === 0) throw malformed('an empty list that is written out');
  return found;
}
