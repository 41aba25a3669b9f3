import { fromBase64, toBase64 } from '../kernel/bytes.ts';
import { isJsonObject, type Json, type JsonObject } from '../kernel/canonical-json.ts';
import { Fault } from '../kernel/fault.ts';
import { parseJson } from '../kernel/parse-json.ts';
import { type Certificate, readCertificate } from './certificate.ts';

/** A trust bundle (SPIFFE Trust Domain and Bundle §4): the authorities of one trust domain. */
export interface SpiffeBundle {
  /** Those of its X.509 identities, in order. */
  readonly authorities: readonly Certificate[];
  /** Grows with every change of the bundle; null when it does not say. */
  readonly sequence: number | null;
  /** Seconds after which it should be fetched again; null when it does not say. */
  readonly refreshHint: number | null;
}

/** The most octets that a bundle may have. */
export const greatestBundle = 256 * 1024;
const mostKeys = 64;
const ours = 'x509-svid';

/**
 * Reads a bundle strictly. Keys for other uses are passed over, as §4.2.2 demands. Throws Fault `bundle_refused`,
 * `malformed_der`, or those of `parseJson`.
 */
export function readSpiffeBundle(octets: Uint8Array): SpiffeBundle {
  if (octets.length > greatestBundle) throw refused(`it is larger than ${greatestBundle} octets`);
  const document = parseJson(octets);
  if (!isJsonObject(document)) throw refused('it is not a JSON object');
  const { keys } = document;
  if (!Array.isArray(keys)) throw refused('it has no list "keys"');
  if (keys.length > mostKeys) throw refused(`it has more than ${mostKeys} keys`);
  return {
    authorities: keys
      .filter(isJsonObject)
      .filter((key) => key['use'] === ours)
      .map(authorityOf),
    sequence: wholeNumber(document, 'spiffe_sequence'),
    refreshHint: wholeNumber(document, 'spiffe_refresh_hint'),
  };
}

/** A bundle as a JSON Web Key Set. */
export function writeSpiffeBundle({ authorities, sequence, refreshHint }: SpiffeBundle): JsonObject {
  return {
    ...(sequence !== null && { spiffe_sequence: sequence }),
    ...(refreshHint !== null && { spiffe_refresh_hint: refreshHint }),
    keys: authorities.map((authority) => ({
      use: ours,
      ...keyMembers(authority),
      x5c: [toBase64(authority.der)],
    })),
  };
}

function authorityOf(key: JsonObject): Certificate {
  const { x5c } = key;
  // §4.2.2 of X509-SVID: exactly one, in base64 and not in base64url.
  const [text, ...more] = Array.isArray(x5c) ? x5c : [];
  const der = typeof text === 'string' && more.length === 0 ? fromBase64(text) : null;
  if (!der) throw refused('a key of use x509-svid has not exactly one certificate in "x5c"');
  const authority = readCertificate(der);
  for (const [name, value] of Object.entries(keyMembers(authority))) {
    if (key[name] !== value) throw refused(`the member "${name}" of a key is not that of its certificate`);
  }
  return authority;
}

/** The members of a JSON Web Key that say which key it is (RFC 7518 §6, RFC 8037 §2). */
function keyMembers({ publicKey }: Certificate): Record<string, Json> {
  const exported = publicKey.export({ format: 'jwk' });
  return Object.fromEntries(
    Object.entries(exported).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

function wholeNumber(document: JsonObject, name: string): number | null {
  const value = document[name];
  if (value === undefined) return null;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw refused(`"${name}" is not a whole number`);
}

function refused(why: string): Fault {
  return new Fault('bundle_refused', `The trust bundle is not accepted: ${why}.`);
}
