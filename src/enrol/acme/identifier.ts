import { readAddressNames } from '../../ca/address-names.ts';
import { isJsonArray, isJsonObject, type Json } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { type DeviceName, isDeviceName } from '../attest/device-name.ts';

/** What an order is for (RFC 8555 §9.7.7, RFC 8738): a DNS name, perhaps with a wildcard, an IP address, or a device. */
export interface Identifier {
  readonly type: 'dns' | 'ip' | DeviceName['type'];
  /** In the spelling that a certificate carries, or, of a device, as its maker attests it. */
  readonly value: string;
}

const mostIdentifiers = 20;

/** The identifiers of a new order, each once. Throws Fault `invalid_input`, `identifier_unsupported`, `identifier_refused`. */
export function readIdentifiers(value: Json | undefined): readonly Identifier[] {
  if (!isJsonArray(value) || value.length === 0) {
    throw new Fault('invalid_input', 'An order needs identifiers, a list with at least one.');
  }
  if (value.length > mostIdentifiers) {
    throw new Fault('identifier_refused', `An order is for at most ${mostIdentifiers} identifiers.`);
  }
  const all = value.map(readIdentifier);
  const names = new Set(all.map(nameOf));
  if (names.size !== all.length) throw new Fault('invalid_input', 'An identifier is named twice.');
  return all;
}

function readIdentifier(value: Json): Identifier {
  const { type, value: text } = isJsonObject(value) ? value : {};
  if (typeof type !== 'string' || typeof text !== 'string') {
    throw new Fault('invalid_input', 'An identifier needs type and value.');
  }
  if (type === 'permanent-identifier' || type === 'hardware-module') {
    if (isDeviceName({ type, value: text })) return { type, value: text };
    throw new Fault('invalid_input', `The value is not one of a ${type}.`);
  }
  if (type !== 'dns' && type !== 'ip') {
    throw new Fault(
      'identifier_unsupported',
      `Identifiers are of type dns, ip, permanent-identifier or hardware-module, not ${JSON.stringify(type.slice(0, 40))}.`,
    );
  }
  const spelt = spellings(type, text);
  // RFC 8738 §3: an address has one spelling; a DNS name is compared without case.
  const [only] = spelt;
  if (only === undefined || only !== text.toLowerCase()) {
    throw new Fault(
      'identifier_refused',
      `${JSON.stringify(text.slice(0, 260))} is not a ${type} identifier.`,
    );
  }
  return { type, value: only };
}

function spellings(type: 'dns' | 'ip', text: string): readonly string[] {
  try {
    const names = readAddressNames(
      type === 'dns' ? { dnsNames: [text], ipAddresses: [] } : { dnsNames: [], ipAddresses: [text] },
    );
    return type === 'dns' ? names.dnsNames : names.ipAddresses;
  } catch (error) {
    if (error instanceof Fault) return [];
    throw error;
  }
}

/** One text for an identifier, to compare and to show. */
export function nameOf({ type, value }: Identifier): string {
  return `${type}:${value}`;
}

/** The names of identifiers as a certificate lists them. */
export function namesOf(identifiers: readonly Identifier[]): {
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
} {
  const of = (wanted: 'dns' | 'ip'): readonly string[] =>
    identifiers.filter(({ type }) => type === wanted).map(({ value }) => value);
  return { dnsNames: of('dns'), ipAddresses: of('ip') };
}

/** Those that are devices. */
export function devicesOf(identifiers: readonly Identifier[]): readonly DeviceName[] {
  return identifiers.flatMap(({ type, value }) =>
    type === 'permanent-identifier' || type === 'hardware-module' ? [{ type, value }] : [],
  );
}
