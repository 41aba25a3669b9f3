import { readFileSync } from 'node:fs';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import type { Contestant } from './contestants.ts';
import type { Rig } from './rig.ts';

/** What a client with one of the rig's certificates connects to a contestant with; they take turns by number. */
export function tlsClient(rig: Rig, { port }: Pick<Contestant, 'port'>, at = 0): ConnectionOptions {
  const identity = rig.identities[at % rig.identities.length];
  if (!identity) throw new Error('The rig has no identity.');
  return {
    host: '127.0.0.1',
    port,
    servername: 'localhost',
    ca: readFileSync(rig.roots),
    cert: readFileSync(identity.certificate),
    key: readFileSync(identity.key),
  };
}

/** Resolves when the handshake is done. */
export function connected(options: ConnectionOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect(options);
    socket.once('secureConnect', () => resolve(socket)).once('error', reject);
  });
}
