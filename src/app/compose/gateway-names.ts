import { isIP } from 'node:net';
import type { Config } from '../config/config.ts';

const everywhere = new Set(['0.0.0.0', '::']);
const loopback = new Set(['localhost', '127.0.0.1', '::1']);

/**
 * The names that the certificate of a gateway elsewhere is for: those that its agents listener is told to answer to, and the
 * address that it listens on. Loopback names only where it listens there alone: whoever lets it enrol has to grant each of them.
 */
export function gatewayNames(config: Config): {
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
} {
  const { host, hosts } = config.listeners.agents;
  const own = loopback.has(host) ? [...loopback] : [host];
  const all = [...new Set([...own, ...hosts])].filter((name) => !everywhere.has(name));
  return {
    dnsNames: all.filter((name) => isIP(name) === 0),
    ipAddresses: all.filter((name) => isIP(name) !== 0),
  };
}
