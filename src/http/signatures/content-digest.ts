import { equalBytes, sha256 } from '../../kernel/bytes.ts';
import { item, parseDictionary, writeDictionary } from './structured-fields.ts';

/** The value of `Content-Digest` for a body (RFC 9530 §2): its SHA-256 and no other. */
export function contentDigest(body: Uint8Array): string {
  return writeDictionary(new Map([['sha-256', item(sha256(body))]]));
}

/**
 * The SHA-256 that a `Content-Digest` states. null when it states none, or another besides: RFC 9530 §2 lets a
 * recipient ignore what it does not check, and what is signed here is all checked. Throws Fault `invalid_input`.
 */
export function readContentDigest(text: string): Uint8Array | null {
  const digests = parseDictionary(text);
  const member = digests.get('sha-256');
  if (digests.size !== 1 || !member || 'items' in member) return null;
  const { value, parameters } = member;
  return value instanceof Uint8Array && value.length === 32 && parameters.size === 0 ? value : null;
}

/** Whether octets have that SHA-256. */
export function hasDigest(body: Uint8Array, digest: Uint8Array): boolean {
  return equalBytes(sha256(body), digest);
}
