import { isIPv4, isIPv6, SocketAddress } from 'node:net';
import { Fault } from '../kernel/fault.ts';

/** The 4 or 16 octets of an IP address. Throws Fault `invalid_input`. */
export function addressOctets(address: string): Uint8Array {
  if (isIPv4(address)) return new Uint8Array(address.split('.').map(Number));
  if (!isIPv6(address) || address.includes('%')) {
    throw new Fault('invalid_input', `"${address}" is not an IP address.`);
  }
  // The URL parser gives the compressed hexadecimal form, without dotted quads (RFC 5952).
  const compressed = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const [left = '', right] = compressed.split('::');
  const head = left === '' ? [] : left.split(':');
  const tail = right === undefined || right === '' ? [] : right.split(':');
  const groups = [...head, ...Array<string>(8 - head.length - tail.length).fill('0'), ...tail];
  return new Uint8Array(
    groups.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff]),
  );
}

/** The text of an IP address from its octets, or '' when they are neither 4 nor 16. */
export function addressText(octets: Uint8Array): string {
  if (octets.length === 4) return octets.join('.');
  if (octets.length !== 16) return '';
  const groups = Array.from({ length: 8 }, (_, index) =>
    (((octets[index * 2] ?? 0) << 8) | (octets[index * 2 + 1] ?? 0)).toString(16),
  );
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}
