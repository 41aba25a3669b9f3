import { createCipheriv, createDecipheriv } from 'node:crypto';
import { concat, fromBase64url, toBase64url, utf8 } from './bytes.ts';
import { randomBytes } from './random.ts';

/** Makes a text that goes through strangers' hands worthless to everybody it was not made for. */
export interface Seal {
  /** The text as base64url, unreadable and bound to its context: what it is for, and whose it is. A long one never opens. */
  seal(text: string, context: readonly string[]): string;
  /** The text, or null for anything that was not sealed under this key for exactly this context. */
  open(sealed: string, context: readonly string[]): string | null;
}

const nonceSize = 12;
const tagSize = 16;
/** The longest text that is looked at: a request repeats it in its headers, which have 16 KiB together. */
export const longestSealed = 4096;

/** AES-256-GCM under `key` (32 octets), with the context as associated data (NIST SP 800-38D); `longest` is of what is opened. */
export function createSeal(key: Uint8Array, longest = longestSealed): Seal {
  return {
    seal(text, context) {
      const nonce = randomBytes(nonceSize);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(associatedData(context));
      const hidden = concat([cipher.update(utf8(text)), cipher.final()]);
      return toBase64url(concat([nonce, hidden, cipher.getAuthTag()]));
    },
    open(sealed, context) {
      const bytes = sealed.length <= longest ? fromBase64url(sealed) : null;
      if (!bytes || bytes.length <= nonceSize + tagSize) return null;
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, nonceSize))
        .setAAD(associatedData(context))
        .setAuthTag(bytes.subarray(-tagSize));
      try {
        const text = concat([decipher.update(bytes.subarray(nonceSize, -tagSize)), decipher.final()]);
        return Buffer.from(text).toString('utf8');
      } catch {
        return null;
      }
    },
  };
}

function associatedData(context: readonly string[]): Uint8Array {
  return utf8(JSON.stringify(context));
}
