import { isIP } from 'node:net';

/** An IPv4 address that came in over IPv6 (RFC 4291 §2.5.5.2) is the IPv4 address; null when it is no IP address. */
export function ipText(address: string): string | null {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  return isIP(plain) !== 0 && !plain.includes('%') ? plain : null;
}
