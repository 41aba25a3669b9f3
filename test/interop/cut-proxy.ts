import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** When a connection is cut, as seen from the octets of the client: before they reach the server, or after. */
export interface Cut {
  /** Text in what the client sends. */
  readonly at: string;
  readonly reaches: boolean;
}

/** A proxy between a client and a server of TCP that can be told to cut connections. */
export interface CutProxy extends AsyncDisposable {
  readonly port: number;
  /** Cuts the next connection that sends this text, once. */
  cut: Cut | null;
  /** Whether new connections are taken. */
  open: boolean;
  /** Cuts every connection there is. */
  cutAll(): void;
}

/** Starts a proxy on loopback. */
export async function startCutProxy(target: {
  readonly host: string;
  readonly port: number;
}): Promise<CutProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  const state = { cut: null as Cut | null, open: true };
  const server = createServer((client) => {
    if (!state.open) {
      client.destroy();
      return;
    }
    const behind = connect(target.port, target.host);
    const pair = [client, behind] as const;
    pairs.add(pair);
    const end = (): void => {
      for (const socket of pair) socket.destroy();
      pairs.delete(pair);
    };
    client.on('data', (octets) => {
      const { cut } = state;
      if (cut === null || !octets.includes(cut.at)) {
        behind.write(octets);
        return;
      }
      state.cut = null;
      client.destroy();
      if (cut.reaches) behind.end(octets);
      else end();
    });
    behind.on('data', (octets) => void client.write(octets));
    for (const socket of pair) {
      socket.on('error', end);
      socket.on('close', () => (socket === client && !behind.destroyed ? behind.end() : end()));
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('no port');
  return {
    port: bound.port,
    get cut() {
      return state.cut;
    },
    set cut(value) {
      state.cut = value;
    },
    get open() {
      return state.open;
    },
    set open(value) {
      state.open = value;
    },
    cutAll() {
      for (const pair of pairs) for (const socket of pair) socket.destroy();
    },
    async [Symbol.asyncDispose]() {
      for (const pair of pairs) for (const socket of pair) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
