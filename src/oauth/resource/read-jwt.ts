import { fromBase64url, utf8 } from '../../kernel/bytes.ts';
import { isJsonObject, type JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { parseJson } from '../../kernel/parse-json.ts';

/** A JWT in compact form (RFC 7519 §3, RFC 7515 §7.1) whose signature nobody has looked at yet. */
export interface UnverifiedJwt {
  readonly header: JsonObject;
  readonly claims: JsonObject;
  /** What is signed. */
  readonly input: Uint8Array;
  readonly signature: Uint8Array;
}

/** The longest that is looked at, in characters: header fields have such a bound as well. */
export const longestJwt = 16 * 1024;
const limits = { depth: 12, values: 2_000 };

/**
 * Reads a JWT strictly: caps before anything is parsed, canonical base64url, no member named twice (RFC 7515 §4, RFC 7519
 * §4), no extension that must be understood. `what` is what the refusal calls it. Throws Fault `token_invalid`.
 */
export function readJwt(text: string, what = 'token'): UnverifiedJwt {
  const parts = text.length <= longestJwt ? text.split('.', 4) : [];
  const [first = '', second = '', third = ''] = parts;
  const signature = fromBase64url(third);
  if (parts.length !== 3 || !signature || signature.length === 0) {
    throw new Fault('token_invalid', `The ${what} is no signed JWT of at most 16 KiB in compact form.`);
  }
  const header = readPart(first, what);
  // RFC 7515 §4.1.11: we understand no extension. RFC 7797 would change what is signed.
  if (header['crit'] !== undefined || header['b64'] !== undefined) {
    throw new Fault('token_invalid', `The ${what} wants extensions of JWS to be understood that are not.`);
  }
  return { header, claims: readPart(second, what), input: utf8(`${first}.${second}`), signature };
}

function readPart(part: string, what: string): JsonObject {
  const octets = fromBase64url(part);
  try {
    const value = octets && parseJson(octets, limits);
    if (isJsonObject(value)) return value;
  } catch (cause) {
    throw new Fault('token_invalid', `The ${what} holds JSON that cannot be read in one way only.`, {
      cause,
    });
  }
  throw new Fault('token_invalid', `A part of the ${what} is no JSON object in base64url.`);
}
