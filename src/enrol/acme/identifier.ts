import { readAddressNames } from '../../ca/address-names.ts';
import { isJsonArray, isJsonObject, type Json } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';

/** What an order is for (RFC 8555 §9.7.7, RFC 8738): a DNS name, perhaps with a wildcard, or an IP address. */
export interface Identifier {
  readonly type: 'dns' | 'ip';
  /** In the spelling that a certificate carries. */
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
  if (type !== 'dns' && type !== 'ip') {
    throw new Fault(
      'identifier_unsupported',
      `Identifiers are of type dns or ip, not ${JSON.stringify(type.slice(0, 40))}.`,
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

function spellings(type: Identifier['type'], text: string): readonly string[] {
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
  const of = (wanted: Identifier['type']): readonly string[] =>
    identifiers.filter(({ type }) => type === wanted).map(({ value }) => value);
  return { dnsNames: of('dns'), ipAddresses: of('ip') };
}
