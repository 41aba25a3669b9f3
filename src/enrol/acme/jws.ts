import { createHmac } from 'node:crypto';
import { equalBytes, fromBase64url, utf8 } from '../../kernel/bytes.ts';
import { isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { parseJson } from '../../kernel/parse-json.ts';
import { type AccountKey, algorithms, verifies } from './account-key.ts';

/** A JWS in flattened JSON (RFC 7515 §7.2.2) whose signature nobody has looked at yet. */
export interface UnverifiedJws {
  readonly algorithm: string;
  /** The protected header; there is no other. */
  readonly header: JsonObject;
  readonly payload: Uint8Array;
  readonly signingInput: Uint8Array;
  readonly signature: Uint8Array;
}

const limits = { depth: 8, values: 500 };

/** Reads a JWS strictly (RFC 8555 §6.2). Throws Fault `invalid_input` and those of `parseJson`. */
export function readJws(value: Json): UnverifiedJws {
  if (!isJsonObject(value)) throw malformed('it is not an object');
  const extra = Object.keys(value).find((name) => !['protected', 'payload', 'signature'].includes(name));
  // An unprotected header, or a second signature, would be something that nobody signed.
  if (extra !== undefined) throw malformed(`it has the member ${JSON.stringify(extra.slice(0, 40))}`);
  const { protected: head, payload, signature } = value;
  if (typeof head !== 'string' || typeof payload !== 'string' || typeof signature !== 'string') {
    throw malformed('protected, payload and signature must be strings');
  }
  const header = parseJson(octetsOf(head, 'protected'), limits);
  if (!isJsonObject(header)) throw malformed('its header is not an object');
  // RFC 7515 §4.1.11: what is critical must be understood, and no extension is.
  if ('crit' in header || 'b64' in header) throw malformed('its header names critical extensions');
  const { alg } = header;
  if (typeof alg !== 'string') throw malformed('its header has no alg');
  return {
    algorithm: alg,
    header,
    payload: octetsOf(payload, 'payload'),
    signingInput: utf8(`${head}.${payload}`),
    signature: octetsOf(signature, 'signature'),
  };
}

/** Holds a JWS to a key. Throws Fault `algorithm_refused` or `signature_invalid`. */
export function verifyJws(jws: UnverifiedJws, key: AccountKey): void {
  if (!Object.hasOwn(algorithms, jws.algorithm)) {
    throw new Fault(
      'algorithm_refused',
      `Requests are signed with ${Object.keys(algorithms).join(', ')}, not with ${JSON.stringify(jws.algorithm.slice(0, 40))}.`,
    );
  }
  if (verifies(jws.algorithm, jws.signingInput, key.publicKey, jws.signature)) return;
  throw new Fault('signature_invalid', 'The signature of the request was not made with the key it names.');
}

/** Whether a JWS is under HMAC-SHA256 (RFC 7518 §3.2) with that secret. */
export function verifiesMac(jws: UnverifiedJws, secret: Uint8Array): boolean {
  if (jws.algorithm !== 'HS256') return false;
  return equalBytes(createHmac('sha256', secret).update(jws.signingInput).digest(), jws.signature);
}

function octetsOf(text: string, name: string): Uint8Array {
  const octets = fromBase64url(text);
  if (!octets) throw malformed(`${name} is not base64url without padding`);
  return octets;
}

function malformed(why: string): Fault {
  return new Fault('invalid_input', `The signed request is not a flattened JWS: ${why}.`);
}
