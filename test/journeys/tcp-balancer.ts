import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A gateway behind the balancer: where it takes connections, and where it says whether it should get any. */
export interface Backend {
  readonly port: number;
  readonly opsUrl: string;
}

/** Passes TCP connections on in turn to those that say that they are ready. */
export interface Balancer extends AsyncDisposable {
  readonly port: number;
  /** Puts a backend into a place, or takes the one there away. */
  place(name: string, backend: Backend | null): void;
  /** The places that get connections now. */
  readonly ready: readonly string[];
}

const lookMilliseconds = 100;

/** It looks at `/readyz` now and then, as balancers do, and knows of a backend that leaves only some time later. */
export async function openBalancer(): Promise<Balancer> {
  const backends = new Map<string, Backend>();
  const ready = new Set<string>();
  const sockets = new Set<Socket>();
  let turn = 0;
  const look = async (): Promise<void> => {
    for (const [name, { opsUrl }] of backends) {
      const status = await fetch(`${opsUrl}/readyz`, { signal: AbortSignal.timeout(2_000) }).then(
        (response) => response.status,
        () => 0,
      );
      if (status === 200 && backends.has(name)) ready.add(name);
      else ready.delete(name);
    }
  };
  const timer = setInterval(() => void look(), lookMilliseconds);
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const names = [...ready];
    const backend = backends.get(names[turn++ % Math.max(names.length, 1)] ?? '');
    socket.on('error', () => undefined);
    if (!backend) {
      socket.destroy();
      return;
    }
    const behind = connect({ port: backend.port, host: '127.0.0.1', allowHalfOpen: true });
    behind.on('error', () => socket.destroy());
    for (const one of [socket, behind]) {
      sockets.add(one);
      one.once('close', () => sockets.delete(one));
    }
    socket.once('close', () => behind.destroy());
    behind.once('close', () => socket.destroySoon());
    socket.pipe(behind);
    behind.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    place(name, backend) {
      ready.delete(name);
      if (backend) backends.set(name, backend);
      else backends.delete(name);
    },
    get ready() {
      return [...ready];
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
