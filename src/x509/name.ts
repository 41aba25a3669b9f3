import { Fault } from '../kernel/fault.ts';
import { objectIdentifier, sequence, setOf, tags, text } from './der.ts';
import {
  type DerElement,
  malformed,
  readElement,
  readElements,
  readOid,
  SequenceReader,
} from './der-reader.ts';
import { oids } from './oid.ts';

/** A distinguished name of ours: organization, then common name. Throws Fault `invalid_input`. */
export function writeName(name: { readonly commonName: string; readonly organization?: string }): Uint8Array {
  const attributes = [
    ...(name.organization === undefined ? [] : [attribute(oids.organizationName, name.organization)]),
    attribute(oids.commonName, name.commonName),
  ];
  return sequence(...attributes);
}

function attribute(oid: string, value: string): Uint8Array {
  // RFC 5280 Appendix A.1: ub-common-name and ub-organization-name are 64 characters.
  if (value.length === 0 || value.length > 64 || hasControls(value)) {
    throw new Fault(
      'invalid_input',
      'A name in a certificate has 1 to 64 characters and no control characters.',
    );
  }
  return setOf(sequence(objectIdentifier(oid), text(tags.utf8String, value)));
}

/** Whether a text has a control character, NUL among them, or no UTF-8 form. */
export function hasControls(value: string): boolean {
  if (!value.isWellFormed()) return true;
  for (let at = 0; at < value.length; at += 1) {
    const unit = value.charCodeAt(at);
    if (unit < 0x20 || (unit >= 0x7f && unit <= 0x9f)) return true;
  }
  return false;
}

const textTags: readonly number[] = [tags.utf8String, tags.printableString, tags.ia5String];

/** The common name of a distinguished name, or null. Throws Fault `malformed_der` when there are two. */
export function readCommonName(name: DerElement): string | null {
  return readPart(name, oids.commonName);
}

/** The organization of a distinguished name, or null. Throws Fault `malformed_der` when there are two. */
export function readOrganization(name: DerElement): string | null {
  return readPart(name, oids.organizationName);
}

function readPart(name: DerElement, wanted: string): string | null {
  if (name.tag !== tags.sequence) throw malformed('a name is expected');
  const found: string[] = [];
  for (const set of readElements(name.content)) {
    if (set.tag !== tags.set) throw malformed('a name part is expected');
    for (const member of readElements(set.content)) {
      const reader = new SequenceReader(member);
      const type = readOid(reader.next(tags.oid));
      const value = reader.next();
      reader.end();
      if (type === wanted) found.push(readText(value));
    }
  }
  if (found.length > 1)
    throw malformed(`more than one ${wanted === oids.commonName ? 'common name' : 'organization'}`);
  return found[0] ?? null;
}

function readText(element: DerElement): string {
  if (!textTags.includes(element.tag)) throw malformed('a name in a character set that is not accepted');
  const value = Buffer.from(element.content).toString('utf8');
  if (hasControls(value) || !Buffer.from(value, 'utf8').equals(Buffer.from(element.content))) {
    throw malformed('a name with characters that are not accepted');
  }
  return value;
}

/**
 * A text that two names share whenever RFC 5280 §7.1 may take them for the same: letters by any case, white space by any
 * amount, whatever the character set of the text.
 */
export function comparableName(nameDer: Uint8Array): string {
  const sets = new SequenceReader(readElement(nameDer)).rest().map((set) =>
    readElements(set.content)
      .map((member) => {
        const reader = new SequenceReader(member);
        const type = readOid(reader.next(tags.oid));
        const letters = Buffer.from(reader.next().content).toString('latin1').replaceAll('\0', '');
        return `${type} ${letters.toLowerCase().trim().replace(/\s+/g, ' ')}`;
      })
      .sort(),
  );
  return JSON.stringify(sets);
}
