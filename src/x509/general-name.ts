import { Fault } from '../kernel/fault.ts';
import { boolean, objectIdentifier, octetString, sequence } from './der.ts';
import { type DerElement, malformed } from './der-reader.ts';
import { hasControls } from './name.ts';

/** The tags of the kinds of GeneralName (RFC 5280 §4.2.1.6) that this room writes. */
export const generalName = { dns: 0x82, uri: 0x86, ip: 0x87 } as const;

/** One Extension (RFC 5280 §4.1). */
export function extension(oid: string, critical: boolean, value: Uint8Array): Uint8Array {
  const flag = critical ? [boolean(true)] : [];
  return sequence(objectIdentifier(oid), ...flag, octetString(value));
}

/** The octets of a name in an IA5String. Throws Fault `invalid_input`. */
export function ascii(value: string): Uint8Array {
  if (value.length === 0 || value.length > 2_048 || !/^[\x21-\x7e]+$/.test(value)) {
    throw new Fault('invalid_input', 'A name in a certificate is visible ASCII of at most 2,048 characters.');
  }
  return new Uint8Array(Buffer.from(value, 'latin1'));
}

/** The text of a name in an IA5String. Throws Fault `malformed_der`. */
export function readAscii(element: DerElement): string {
  const value = Buffer.from(element.content).toString('latin1');
  if (hasControls(value) || !/^[\x20-\x7e]*$/.test(value))
    throw malformed('a name that is not visible ASCII');
  return value;
}
