import type { Listener } from '../../http/exchange.ts';
import type { ListenerConfig } from '../config/config.ts';

/**
 * Where browsers open the `people` listener: by the first of the names that it was given, else as localhost. Never by an address, since passkeys
 * are for names (WebAuthn Level 3 §4, RP ID).
 */
export function peopleUrl({ hosts }: ListenerConfig, { port }: Listener): string {
  const name = hosts.find((host) => !/^[\d.]+$/.test(host) && !host.includes(':')) ?? 'localhost';
  return `https://${name.toLowerCase()}${port === 443 ? '' : `:${port}`}`;
}
