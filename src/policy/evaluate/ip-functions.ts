import type { ExtensionFunction } from './extension-function.ts';
import {
  type AddressRange,
  type ExtensionValue,
  failure,
  type Outcome,
  unlike,
  type Value,
} from './value.ts';

/** The functions of Cedar's `ipaddr` type. */
export const ipFunctions: Readonly<Record<string, ExtensionFunction>> = {
  ip: {
    arity: 1,
    apply: ([text]) => {
      if (typeof text !== 'string') return unlike('string', text);
      return addressRange(text) ?? failure('error while evaluating `ipaddr` extension function');
    },
  },
  isIpv4: onRange(({ bits }) => bits === 32),
  isIpv6: onRange(({ bits }) => bits === 128),
  isLoopback: onRange(({ bits, address, prefix }) =>
    bits === 32 ? address >> 24n === 127n && prefix >= 8 : address === 1n && prefix === 128,
  ),
  isMulticast: onRange(({ bits, address, prefix }) =>
    bits === 32 ? address >> 28n === 14n && prefix >= 4 : address >> 120n === 255n && prefix >= 8,
  ),
  isInRange: {
    arity: 2,
    apply: ([child, parent]) => {
      const inner = rangeOf(child);
      if (!inner) return unlike('ipaddr', child);
      const outer = rangeOf(parent);
      if (!outer) return unlike('ipaddr', parent);
      return isWithin(inner, outer);
    },
  },
};

function onRange(test: (range: AddressRange) => boolean): ExtensionFunction {
  return {
    arity: 1,
    apply: ([value]): Outcome => {
      const range = rangeOf(value);
      return range ? test(range) : unlike('ipaddr', value);
    },
  };
}

function rangeOf(value: Value): AddressRange | null {
  return typeof value === 'object' && value.kind === 'extension' ? value.range : null;
}

function isWithin(inner: AddressRange, outer: AddressRange): boolean {
  if (inner.bits !== outer.bits || inner.prefix < outer.prefix) return false;
  const free = BigInt(outer.bits - outer.prefix);
  return inner.address >> free === outer.address >> free;
}

// A full IPv6 address with its prefix; Cedar reads nothing longer.
const longestText = 43;

/** An address or a range in CIDR form, as Cedar reads it; null when it is neither. */
export function addressRange(text: string): ExtensionValue | null {
  if (text.length > longestText) return null;
  const slash = text.indexOf('/');
  const plain = slash < 0 ? text : text.slice(0, slash);
  const isV6 = plain.includes(':');
  const address = isV6 ? readV6(plain) : readV4(plain);
  if (address === null) return null;
  const bits = isV6 ? 128 : 32;
  const prefix = slash < 0 ? bits : readPrefix(text.slice(slash + 1), bits);
  if (prefix === null) return null;
  const range = { bits, address, prefix };
  return {
    kind: 'extension',
    type: 'ipaddr',
    amount: 0n,
    range,
    key: `ipaddr(${bits}:${address}/${prefix})`,
  };
}

function readPrefix(text: string, most: number): number | null {
  if (!/^(?:0|[1-9]\d{0,2})$/.test(text)) return null;
  return Number(text) <= most ? Number(text) : null;
}

function readV4(text: string): bigint | null {
  if (!/^(?:(?:0|[1-9]\d{0,2})(?:\.(?!$)|$)){4}$/.test(text)) return null;
  const octets = text.split('.').map(Number);
  if (octets.some((octet) => octet > 255)) return null;
  return octets.reduce((sum, octet) => (sum << 8n) | BigInt(octet), 0n);
}

/** Groups of hexadecimal digits with at most one `::`, which stands for one group or more (RFC 4291 §2.2). */
function readV6(text: string): bigint | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const [head = [], tail = []] = halves.map((half) => (half === '' ? [] : half.split(':')));
  if (![...head, ...tail].every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return null;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return null;
  const groups = [...head, ...Array.from({ length: missing }, () => '0'), ...tail];
  return groups.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}
