import type { Server, Socket } from 'node:net';
import type { TlsMaterial } from './exchange.ts';

/** The material that connections of a listener began with. */
export interface Handshakes {
  /** Of a socket whose handshake is done; asked once. */
  materialOf(socket: Socket): TlsMaterial | null;
}

/**
 * Notes what each handshake is made with: material that is replaced meanwhile stays in use by those that have begun.
 * The socket that a TLS server hands out is another one than the one that it accepted; both have the peer's end.
 */
export function followHandshakes(server: Server, current: () => TlsMaterial | null): Handshakes {
  const begun = new Map<string, TlsMaterial>();
  // Node makes the TLS socket, with the context that is in force, before this is called, in the same turn.
  server.on('connection', (socket: Socket) => {
    const material = current();
    const end = endOf(socket);
    if (!material?.partners || end === null) return;
    begun.set(end, material);
    socket.once('close', () => {
      if (begun.get(end) === material) begun.delete(end);
    });
  });
  return {
    materialOf(socket) {
      const end = endOf(socket);
      const material = (end !== null && begun.get(end)) || null;
      if (end !== null) begun.delete(end);
      return material;
    },
  };
}

function endOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string | null {
  if (remoteAddress === undefined || remotePort === undefined) return null;
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
