import { type DerElement, malformed, readElement, readOid, SequenceReader } from '../../x509/der-reader.ts';
import { tags } from '../../x509/der.ts';

/** What a device is called, as an ACME order spells it (draft-ietf-acme-device-attest §3.1, §4.1). */
export interface DeviceName {
  readonly type: 'permanent-identifier' | 'hardware-module';
  readonly value: string;
}

/** `1.3.6.1.5.5.7.8.3` (RFC 4043) and `1.3.6.1.5.5.7.8.4` (RFC 4108). */
const otherNames: Readonly<Record<string, (value: DerElement) => DeviceName>> = {
  '1.3.6.1.5.5.7.8.3': (value) => {
    const reader = new SequenceReader(value);
    const identifier = reader.next(tags.utf8String);
    const assigner = reader.optional(tags.oid);
    reader.end();
    const text = readValue(identifier.content);
    return { type: 'permanent-identifier', value: assigner ? `${text}/${readOid(assigner)}` : text };
  },
  '1.3.6.1.5.5.7.8.4': (value) => {
    const reader = new SequenceReader(value);
    const type = readOid(reader.next(tags.oid));
    const serial = reader.next(tags.octetString);
    reader.end();
    return { type: 'hardware-module', value: `${readValue(serial.content)}/${type}` };
  },
};

/** The device that an otherName [0] of a subject alternative name names, or null for one of another kind. Throws Fault `malformed_der`. */
export function readDeviceName(name: DerElement): DeviceName | null {
  const reader = new SequenceReader(name, 0xa0);
  const type = readOid(reader.next(tags.oid));
  const value = readElement(reader.next(0xa0).content);
  reader.end();
  return Object.hasOwn(otherNames, type) ? (otherNames[type]?.(value) ?? null) : null;
}

const assigner = '[0-2](\\.(0|[1-9][0-9]*))+';
const permanent = new RegExp(`^[^/]+(/${assigner})?$`);
const module = new RegExp(`^[^/]+/${assigner}$`);

/** Whether a text is a value of the type, as the grammar of the draft has it; at most 260 characters. */
export function isDeviceName({
  type,
  value,
}: {
  readonly type: DeviceName['type'];
  readonly value: string;
}): boolean {
  return (
    value.length <= 260 &&
    value.isWellFormed() &&
    (type === 'hardware-module' ? module : permanent).test(value)
  );
}

/** The draft's §3: without a slash, which would make two readings of one text. */
function readValue(octets: Uint8Array): string {
  const text = Buffer.from(octets).toString('utf8');
  if (text === '' || text.includes('/') || !Buffer.from(text, 'utf8').equals(Buffer.from(octets))) {
    throw malformed('a name of a device that cannot be compared');
  }
  return text;
}
