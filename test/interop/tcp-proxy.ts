import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A way to a server that can be made to lose everything, to be cut, or to bring something else. */
export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /**
   * What it does with connections, also with those that are open: passes octets on; swallows them, as a network does that has lost its way;
   * refuses.
   */
  way: 'open' | 'lost' | 'cut';
  /** What is made of octets that the server sends. */
  meddle: ((octets: Buffer) => Buffer) | null;
}

export async function startTcpProxy(target: number): Promise<TcpProxy> {
  const open = new Set<Socket>();
  let way: TcpProxy['way'] = 'open';
  const proxy = { meddle: null as TcpProxy['meddle'] };
  const server = createServer((socket) => {
    if (way === 'cut') {
      socket.destroy();
      return;
    }
    const there = connect({ host: '127.0.0.1', port: target });
    for (const [one, other] of [
      [socket, there],
      [there, socket],
    ] as const) {
      open.add(one);
      one.on('error', () => undefined);
      one.on('close', () => {
        open.delete(one);
        other.destroy();
      });
      one.on('data', (octets: Buffer) => {
        if (way === 'open') other.write(one === there && proxy.meddle ? proxy.meddle(octets) : octets);
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('no port');
  return {
    port: bound.port,
    get way() {
      return way;
    },
    set way(to) {
      way = to;
      if (to === 'cut') for (const socket of open) socket.destroy();
    },
    get meddle() {
      return proxy.meddle;
    },
    set meddle(to) {
      proxy.meddle = to;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
