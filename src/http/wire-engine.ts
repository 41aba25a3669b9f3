import { createServer as createPlainServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { type Door, type Engine, sweepMilliseconds } from './engine.ts';
import { handshakeMilliseconds, type ListenTls, tlsServerOptions } from './tls-options.ts';
import { WireConnection } from './wire-connection.ts';

/** Our own HTTP/1.1 on TLS or TCP sockets: a narrow grammar, strictly read. */
export function createWireEngine(tls: ListenTls | null, door: Door): Engine {
  const options = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 };
  const server =
    tls === null
      ? createPlainServer(options)
      : createTlsServer({ ...options, ...tlsServerOptions(tls), handshakeTimeout: handshakeMilliseconds });
  const sockets = new Set<Socket>();
  const connections = new Set<WireConnection>();

  // Both kinds of server tell of the TCP socket first.
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const sweep = setInterval(() => {
    const now = door.clock.monotonic();
    for (const connection of connections) connection.expire(now);
  }, sweepMilliseconds(door.patience));
  sweep.unref();
  server.once('close', () => clearInterval(sweep));
  return {
    server,
    accept(socket, live) {
      const connection = new WireConnection(socket, live, door);
      connections.add(connection);
      socket.once('close', () => connections.delete(connection));
    },
    closeIdle(milliseconds) {
      const since = door.clock.monotonic() - milliseconds;
      for (const connection of connections) if (connection.idleAt <= since) connection.socket.destroySoon();
    },
    cutAll() {
      for (const socket of sockets) socket.destroy();
    },
  };
}
