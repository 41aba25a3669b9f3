import { hkdfSync, type KeyObject } from 'node:crypto';
import { createSeal, type Seal } from '../../kernel/seal.ts';

/** The longest that is opened, in characters. */
const longest = 16 * 1024 * 1024;

/** 32 octets that every authority with this private key derives, and nobody without it. */
export function sharedKey(key: KeyObject, purpose: string): Uint8Array {
  const material = key.export({ type: 'pkcs8', format: 'der' });
  return new Uint8Array(hkdfSync('sha256', material, '', `countersign peers ${purpose}`, 32));
}

/** For what authorities tell each other through the store: who can write there can neither read nor make it. */
export function sharedSeal(key: KeyObject, purpose: string): Seal {
  return createSeal(sharedKey(key, purpose), longest);
}
