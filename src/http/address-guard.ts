import { BlockList, isIP } from 'node:net';
import { Fault } from '../kernel/fault.ts';

/** Which addresses an outgoing connection may reach. */
export type AddressPolicy = 'public-only' | 'any' | AddressRanges;

/** Addresses that somebody chose. */
export interface AddressRanges {
  permits(address: string): boolean;
}

/** Whether a policy lets an outgoing connection reach an IP address literal. */
export function permitsAddress(policy: AddressPolicy, address: string): boolean {
  if (policy === 'any') return true;
  return policy === 'public-only' ? isPublicAddress(address) : policy.permits(address);
}

/**
 * Ranges by name or in CIDR notation: `public`, `private` (RFC 1918, RFC 4193), `loopback`, `10.1.0.0/16`. Link-local
 * addresses, and with them the metadata services of clouds, are in none of the names. Throws Fault `config_invalid`.
 */
export function addressRanges(names: readonly string[]): AddressRanges {
  const chosen = new BlockList();
  for (const name of names) {
    if (name === 'public') continue;
    for (const range of named[name] ?? [name]) addRange(chosen, range);
  }
  const open = names.includes('public');
  return {
    permits(address) {
      if (isIP(address) === 0 || address.includes('%')) return false;
      if (open && isPublicAddress(address)) return true;
      return chosen.check(address, isIP(address) === 4 ? 'ipv4' : 'ipv6');
    },
  };
}

const named: Readonly<Record<string, readonly string[]>> = {
  private: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
  loopback: ['127.0.0.0/8', '::1/128'],
};

function addRange(list: BlockList, range: string): void {
  const [, network = '', prefix = ''] = /^([0-9A-Fa-f:.]+)\/(\d{1,3})$/.exec(range) ?? [];
  const version = isIP(network);
  if (version === 0 || Number(prefix) > (version === 4 ? 32 : 128)) {
    throw new Fault(
      'config_invalid',
      `${JSON.stringify(range)} is no range of addresses: write public, private, loopback or 10.1.0.0/16.`,
    );
  }
  list.addSubnet(network, Number(prefix), version === 4 ? 'ipv4' : 'ipv6');
}

/**
 * Whether an IP address literal is globally reachable unicast (IANA special-purpose registries, RFC 6890): no
 * loopback, private, link-local, shared, documentation, multicast or reserved range, in any notation that hides an
 * IPv4 address in an IPv6 one. False for what is not an IP address.
 */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !reservedIpv4.check(address, 'ipv4');
    case 6:
      // A zone index names an interface of this machine (RFC 4007 §11).
      if (address.includes('%')) return false;
      // RFC 4291 §2.4, RFC 3513: only 2000::/3 is assigned for global unicast.
      return globalUnicast.check(address, 'ipv6') && !reservedIpv6.check(address, 'ipv6');
    default:
      return false;
  }
}

const reservedIpv4 = blockList('ipv4', [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
]);

const globalUnicast = blockList('ipv6', [['2000::', 3]]);

const reservedIpv6 = blockList('ipv6', [
  // IETF protocol assignments, Teredo among them: they carry IPv4 addresses.
  ['2001::', 23],
  ['2001:db8::', 32],
  // 6to4 (RFC 3056) carries an IPv4 address.
  ['2002::', 16],
  ['3fff::', 20],
]);

function blockList(family: 'ipv4' | 'ipv6', ranges: readonly (readonly [string, number])[]): BlockList {
  const list = new BlockList();
  for (const [network, prefix] of ranges) list.addSubnet(network, prefix, family);
  return list;
}
