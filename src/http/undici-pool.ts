import { Pool } from 'undici';
import type { OutgoingPool, OutgoingPoolOptions } from './outgoing.ts';
import { sendThrough } from './undici-send.ts';

/** undici's client behind the same face: the reference that our own is held against. */
export function createUndiciPool(options: OutgoingPoolOptions): OutgoingPool {
  const pool = new Pool(options.origin.origin, {
    allowH2: false,
    pipelining: 1,
    // A resumed session would skip the check of the server's certificate.
    connect: { timeout: options.connectMilliseconds, maxCachedSessions: 0, ...options.tls },
  });
  return {
    send: (request, signal) => sendThrough(pool, options.origin.origin, request, signal),
    close: () => pool.close(),
    destroy: () => pool.destroy(),
  };
}
