import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { Fault } from '../kernel/fault.ts';
import { type AddressPolicy, permitsAddress } from './address-guard.ts';

/** Looks a name up once, checks every address, and hands exactly those on: what was checked is what is connected to. */
export function guardedLookup(policy: AddressPolicy, lookup: LookupFunction): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found) => {
      const addresses: readonly LookupAddress[] = Array.isArray(found) ? found : [];
      const [first] = addresses;
      try {
        if (error) throw error;
        if (!first) throw new Fault('unavailable', `${hostname} has no address.`);
        refuseForbidden(policy, hostname, addresses);
      } catch (cause) {
        callback(cause as NodeJS.ErrnoException, []);
        return;
      }
      if (options.all) callback(null, [...addresses]);
      else callback(null, first.address, first.family);
    });
  };
}

/** Throws Fault `address_refused` when one of the addresses of a host is not permitted. */
export function refuseForbidden(
  policy: AddressPolicy,
  host: string,
  addresses: readonly { readonly address: string }[],
): void {
  const inside = addresses.find(({ address }) => !permitsAddress(policy, address));
  if (!inside) return;
  const why =
    policy === 'public-only'
      ? 'which is not a public address, and this request may reach public ones only'
      : 'which is not in the ranges that this request may reach';
  throw new Fault('address_refused', `${host} is at ${inside.address}, ${why}.`);
}
