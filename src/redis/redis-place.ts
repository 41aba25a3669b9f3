import { isIP } from 'node:net';

/** Where a Redis or Valkey is. */
export type RedisPlace =
  | { readonly kind: 'socket'; readonly path: string; readonly database: number }
  | {
      readonly kind: 'tcp';
      readonly host: string;
      readonly port: number;
      readonly tls: boolean;
      readonly database: number;
    };

const host = String.raw`([A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])`;
const loopback = String.raw`(localhost|127(\.\d{1,3}){3}|\[::1\])`;

/**
 * `rediss://host:port/database`, in the clear only on this machine: `redis://localhost:port/database` or `unix:/path`. Names and
 * passwords have no place in it.
 */
export const redisUrl = new RegExp(
  String.raw`^(rediss:\/\/${host}(:\d{1,5})?(\/\d{1,3})?|redis:\/\/${loopback}(:\d{1,5})?(\/\d{1,3})?|unix:\/[^\s?#]{1,100})$`,
);

/** Reads what `redisUrl` lets through. */
export function redisPlace(url: string): RedisPlace {
  if (url.startsWith('unix:')) return { kind: 'socket', path: url.slice('unix:'.length), database: 0 };
  const { protocol, hostname, port, pathname } = new URL(url);
  return {
    kind: 'tcp',
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? 6_379 : Number(port),
    tls: protocol === 'rediss:',
    database: Number(pathname.slice(1) || '0'),
  };
}

/** The name that the certificate of a server has to be for; none for an address. */
export function serverNameOf(host: string): string | undefined {
  return isIP(host) === 0 ? host : undefined;
}
