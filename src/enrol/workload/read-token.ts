import { fromBase64url, sha256Base64url } from '../../kernel/bytes.ts';
import { isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { parseJson } from '../../kernel/parse-json.ts';

/** A JWT (RFC 7519) whose signature nobody has looked at yet. */
export interface UnverifiedToken {
  readonly text: string;
  readonly claims: JsonObject;
  /** Of what is signed: the signature itself may have other forms that hold as well. */
  readonly hash: string;
}

const longest = 16 * 1024;
const limits = { depth: 16, values: 1_000 };

/** Reads a JWT in compact form, strictly. Throws Fault `workload_refused`. */
export function readToken(text: string): UnverifiedToken {
  const parts = text.length <= longest ? text.split('.') : [];
  const [header, payload] = parts;
  const octets = payload === undefined ? null : fromBase64url(payload);
  if (parts.length !== 3 || header === undefined || !octets) {
    throw new Fault('workload_refused', 'The token is not a JWT of at most 16 KiB in compact form.');
  }
  const claims = readClaims(octets);
  if (!isJsonObject(claims)) throw new Fault('workload_refused', 'The claims of the token are no object.');
  return { text, claims, hash: sha256Base64url(`${header}.${payload}`) };
}

function readClaims(octets: Uint8Array): Json {
  try {
    // Claims that stand twice would be read in two ways.
    return parseJson(octets, limits);
  } catch (cause) {
    throw new Fault('workload_refused', 'The claims of the token cannot be read.', { cause });
  }
}
