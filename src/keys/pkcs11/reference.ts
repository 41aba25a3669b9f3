import { isAbsolute } from 'node:path';
import { decode, encode, invalid, readParameters, writeParameters } from '../reference-parts.ts';

/** A private key on a PKCS #11 token, as a URI names it (RFC 7512). Attributes that are null match anything. */
export interface Pkcs11Reference {
  readonly kind: 'pkcs11';
  readonly token: string;
  readonly serial: string | null;
  readonly manufacturer: string | null;
  readonly model: string | null;
  readonly object: string | null;
  readonly id: Uint8Array | null;
  /** The library of the token's maker. */
  readonly modulePath: string;
  /** Where the PIN is kept: `file:/path` or `env:NAME`. */
  readonly pinSource: string;
}

const pathAttributes = ['token', 'serial', 'manufacturer', 'model', 'object', 'id', 'type'];
const queryAttributes = ['module-path', 'pin-source', 'pin-value', 'module-name'];

/**
 * Reads what follows `pkcs11:` in `pkcs11:token=T;object=O?module-path=/lib.so&pin-source=file:/pin`.
 * Throws Fault `invalid_input`.
 */
export function readPkcs11Reference(text: string): Pkcs11Reference {
  const at = text.indexOf('?');
  const path = at < 0 ? text : text.slice(0, at);
  const given = readParameters(withoutId(path), pathAttributes, ';');
  const query = readParameters(at < 0 ? '' : text.slice(at + 1), queryAttributes);
  const { token, object } = given;
  const id = readId(path);
  if (token === undefined) throw invalid('it names no token; add token=LABEL');
  if (object === undefined && id === null) throw invalid('it names no key; add object=LABEL or id=%01');
  if (given['type'] !== undefined && given['type'] !== 'private') throw invalid('its type must be private');
  if (query['pin-value'] !== undefined) {
    throw invalid('a PIN must not stand in it; write it to a file (0600) and add pin-source=file:/path');
  }
  return {
    kind: 'pkcs11',
    token,
    serial: given['serial'] ?? null,
    manufacturer: given['manufacturer'] ?? null,
    model: given['model'] ?? null,
    object: object ?? null,
    id,
    modulePath: readModulePath(query['module-path']),
    pinSource: readPinSource(query['pin-source']),
  };
}

/** The text that `readKeyReference` reads again. */
export function writePkcs11Reference(reference: Pkcs11Reference): string {
  const { token, serial, manufacturer, model, object, id } = reference;
  const named = { token, serial, manufacturer, model, object };
  const path = [
    ...Object.entries(named).flatMap(([name, value]) => (value === null ? [] : [`${name}=${encode(value)}`])),
    ...(id === null ? [] : [`id=${Buffer.from(id).toString('hex').replaceAll(/../g, '%$&')}`]),
    'type=private',
  ];
  const query = { 'module-path': reference.modulePath, 'pin-source': reference.pinSource };
  return `pkcs11:${path.join(';')}?${writeParameters(query)}`;
}

/** An id is octets, which need not be text. */
function withoutId(path: string): string {
  return path
    .split(';')
    .filter((part) => !part.startsWith('id='))
    .join(';');
}

function readId(path: string): Uint8Array | null {
  const found = path.split(';').filter((part) => part.startsWith('id='));
  const [first] = found;
  if (first === undefined) return null;
  const text = first.slice('id='.length);
  if (found.length > 1 || text === '' || !/^(?:%[0-9A-Fa-f]{2}|[\w.~:@!$'()*+,-])*$/.test(text)) {
    throw invalid('its id must be octets, percent-encoded, such as id=%01%A2');
  }
  const octets = text.match(/%..|./g) ?? [];
  return Uint8Array.from(octets, (part) =>
    part.length === 3 ? Number.parseInt(part.slice(1), 16) : part.charCodeAt(0),
  );
}

function readModulePath(path: string | undefined): string {
  if (path !== undefined && isAbsolute(path)) return path;
  throw invalid(
    'it does not give the library of the token by its whole path, such as module-path=/usr/lib/softhsm/libsofthsm2.so',
  );
}

/** RFC 7512 §2.4: a file: URI, or a path; a command (`|…`) is not run. */
function readPinSource(text: string | undefined): string {
  if (text === undefined) throw invalid('it does not say where the PIN is; add pin-source=file:/path');
  const path = text.startsWith('file:///') ? decode(text.slice('file://'.length)) : text;
  if (/^(file:\/|env:)/.test(path)) return path;
  if (isAbsolute(path)) return `file:${path}`;
  throw invalid('its pin-source must be file:/path or env:NAME');
}
