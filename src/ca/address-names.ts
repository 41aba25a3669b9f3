import { isIP } from 'node:net';
import { Fault } from '../kernel/fault.ts';
import { addressOctets, addressText } from '../x509/ip-address.ts';

const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const dnsName = new RegExp(`^(?:\\*\\.)?${label}(?:\\.${label})*$`);

/** The DNS and IP names of a certificate in their one spelling, so that two lists can be compared. */
export interface AddressNames {
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
}

/** Lower-case DNS names and canonical IP addresses, each once. Throws Fault `invalid_input`. */
export function readAddressNames(names: AddressNames): AddressNames {
  return {
    dnsNames: [...new Set(names.dnsNames.map(readDnsName))],
    ipAddresses: [...new Set(names.ipAddresses.map(readIpAddress))],
  };
}

// RFC 5280 §4.2.1.6: the preferred name syntax of RFC 1034 §3.5, and RFC 6125 §6.4.3 for a wildcard.
function readDnsName(text: string): string {
  const name = text.toLowerCase();
  if (name.length > 253 || !dnsName.test(name) || isIP(name) !== 0) {
    throw new Fault('invalid_input', `${JSON.stringify(text)} is not a DNS name.`);
  }
  return name;
}

// The spelling that a certificate is read back with.
function readIpAddress(text: string): string {
  return addressText(addressOctets(text));
}
