import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { fromBase64url, toBase64url, utf8 } from './bytes.ts';

/** A text in few characters of base64url, or null when it takes more than `most`. */
export function packText(text: string, most: number): string | null {
  const packed = toBase64url(deflateRawSync(utf8(text)));
  return packed.length <= most ? packed : null;
}

/** The text, or null for anything that is none of at most `longest` octets. */
export function unpackText(packed: string, longest: number): string | null {
  const bytes = fromBase64url(packed);
  if (!bytes) return null;
  try {
    return inflateRawSync(bytes, { maxOutputLength: longest }).toString('utf8');
  } catch {
    return null;
  }
}
