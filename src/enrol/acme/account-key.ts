import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { fromBase64url, sha256Base64url } from '../../kernel/bytes.ts';
import { canonicalJson, isJsonObject, type Json } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { checkPublicKey } from '../../x509/public-key.ts';

/** The public key of an account or a certificate, as its owner signs requests with it. */
export interface AccountKey {
  readonly publicKey: KeyObject;
  /** base64url SHA-256 of the key's canonical form (RFC 7638). */
  readonly thumbprint: string;
  /** That form: the members that make the key, in order, and no others. */
  readonly jwk: string;
}

/** How a JWS is verified: the key it needs and the call. */
interface Algorithm {
  /** `kty` and `crv` of its keys. */
  readonly keys: string;
  readonly verify: (data: Uint8Array, key: KeyObject, signature: Uint8Array) => boolean;
}

/** The signature algorithms of RFC 7518 §3.1 and RFC 8037 §3.1 that an account may use. */
export const algorithms: Readonly<Record<string, Algorithm>> = {
  ES256: {
    keys: 'EC P-256',
    // RFC 7518 §3.4: R and S side by side, 32 octets each.
    verify: (data, key, signature) =>
      signature.length === 64 && verify('sha256', data, { key, dsaEncoding: 'ieee-p1363' }, signature),
  },
  RS256: { keys: 'RSA', verify: (data, key, signature) => verify('sha256', data, key, signature) },
  EdDSA: {
    keys: 'OKP Ed25519',
    verify: (data, key, signature) => signature.length === 64 && verify(null, data, key, signature),
  },
};

/** The members of a key that is accepted, with their lengths in octets; an RSA key's are judged as a key. */
const shapes: Readonly<Record<string, Readonly<Record<string, number | null>>>> = {
  'EC P-256': { x: 32, y: 32 },
  RSA: { e: null, n: null },
  'OKP Ed25519': { x: 32 },
};

const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

/** Reads a public JWK strictly (RFC 7517). Throws Fault `key_unacceptable`. */
export function readAccountKey(value: Json | undefined): AccountKey {
  if (!isJsonObject(value)) throw unacceptable('a JWK must be an object');
  if (privateMembers.some((name) => name in value)) throw unacceptable('it holds private members');
  const { kty, crv } = value;
  if (typeof kty !== 'string' || (crv !== undefined && typeof crv !== 'string')) {
    throw unacceptable('kty and crv are texts');
  }
  const kind = crv === undefined ? kty : `${kty} ${crv}`;
  const shape = Object.hasOwn(shapes, kind) ? shapes[kind] : undefined;
  if (!shape) throw unacceptable(`keys are ${Object.keys(shapes).join(', ')}`);
  const members: Record<string, string> = Object.fromEntries(
    Object.entries(shape).map(([name, length]) => [name, readMember(value[name], name, length)]),
  );
  const whole = { ...members, kty, ...(crv !== undefined && { crv }) };
  const publicKey = importKey(whole);
  checkPublicKey(publicKey);
  const jwk = canonicalJson(whole);
  return { publicKey, jwk, thumbprint: sha256Base64url(jwk) };
}

/** Whether `signature` over `data` was made with the key under the named algorithm; false when the two do not go together. */
export function verifies(name: string, data: Uint8Array, key: KeyObject, signature: Uint8Array): boolean {
  const algorithm = Object.hasOwn(algorithms, name) ? algorithms[name] : undefined;
  if (!algorithm || algorithm.keys !== kindOf(key)) return false;
  try {
    return algorithm.verify(data, key, signature);
  } catch {
    return false;
  }
}

function kindOf(key: KeyObject): string {
  switch (key.asymmetricKeyType) {
    case 'ec':
      return key.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? 'EC P-256' : 'EC';
    case 'rsa':
      return 'RSA';
    case 'ed25519':
      return 'OKP Ed25519';
    default:
      return '';
  }
}

function readMember(text: Json | undefined, name: string, length: number | null): string {
  const octets = typeof text === 'string' && text.length <= 2048 ? fromBase64url(text) : null;
  if (typeof text !== 'string' || !octets || octets.length === 0)
    throw unacceptable(`${name} is not base64url`);
  if (length !== null && octets.length !== length) throw unacceptable(`${name} is not ${length} octets long`);
  // RFC 7518 §6.3.1: the fewest octets, or one key would have many thumbprints.
  if (length === null && octets[0] === 0) throw unacceptable(`${name} begins with a zero octet`);
  return text;
}

function importKey(jwk: Readonly<Record<string, string>>): KeyObject {
  try {
    return createPublicKey({ key: jwk, format: 'jwk' });
  } catch (cause) {
    throw new Fault('key_unacceptable', 'The account key cannot be read.', { cause });
  }
}

function unacceptable(why: string): Fault {
  return new Fault('key_unacceptable', `The account key is not accepted: ${why}.`);
}
