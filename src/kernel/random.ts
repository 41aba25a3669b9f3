import { randomBytes as nodeRandomBytes, randomInt } from 'node:crypto';

/** Cryptographically strong random octets. */
export function randomBytes(size: number): Uint8Array {
  return new Uint8Array(nodeRandomBytes(size));
}

/** A fresh 128-bit identifier, base64url without padding (22 characters); never like a flag of a command line, with a dash in front. */
export function randomId(): string {
  for (;;) {
    const id = nodeRandomBytes(16).toString('base64url');
    if (!id.startsWith('-')) return id;
  }
}

/** A number in [0, 1), for jitter. */
export function randomFraction(): number {
  return randomInt(0, 2 ** 32) / 2 ** 32;
}
