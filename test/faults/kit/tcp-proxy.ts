import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** What becomes of the octets between two sides of a connection. */
export type Weather =
  | { readonly kind: 'clear' }
  /** Nothing arrives in either direction and nobody is told; it comes late, as TCP has it, when the weather is another. */
  | { readonly kind: 'black-hole' }
  /** Everything arrives so many milliseconds later, in each direction. */
  | { readonly kind: 'delay'; readonly milliseconds: number }
  /** What the client sends arrives; what the server sends does not: a connection that is half open. */
  | { readonly kind: 'half-open' }
  /** The connection ends after so many octets from the server. */
  | { readonly kind: 'cut'; readonly after: number }
  /** Octets that nobody sent come in place of those from the server. */
  | { readonly kind: 'garbage' };

/** A proxy for TCP, and so for TLS that it does not understand. */
export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** Counts for octets from now on, of connections that are open too. */
  weather: Weather;
  /** Breaks all connections off, with a reset. */
  cutAll(): void;
  readonly connections: number;
}

type Side = 'client' | 'server';

/** Starts a proxy on loopback, on any free port unless given, in front of a port of an address. */
export async function startTcpProxy(
  target: { readonly port: number; readonly host?: string },
  port = 0,
): Promise<TcpProxy> {
  const open = new Set<Socket>();
  const lines = new Set<Line>();
  let weather: Weather = { kind: 'clear' };
  let connections = 0;
  const join = (from: Side, source: Socket, sink: Socket): void => {
    const line = new Line(sink, from, () => weather);
    lines.add(line);
    open.add(source);
    source.on('error', () => undefined);
    source.on('data', (chunk: Buffer) => line.take(chunk));
    source.once('end', () => line.end());
    source.once('close', () => {
      open.delete(source);
      lines.delete(line);
      sink.destroy();
    });
  };
  const server = createServer({ allowHalfOpen: true }, (client) => {
    connections += 1;
    const upstream = connect({ host: '127.0.0.1', ...target, allowHalfOpen: true });
    join('client', client, upstream);
    join('server', upstream, client);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const cutAll = (): void => {
    for (const socket of open) socket.resetAndDestroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    get weather() {
      return weather;
    },
    set weather(next) {
      weather = next;
      for (const line of lines) line.move();
    },
    get connections() {
      return connections;
    },
    cutAll,
    async [Symbol.asyncDispose]() {
      cutAll();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** One direction of a connection: whatever the weather, nothing overtakes what was sent before. */
class Line {
  private readonly waiting: { readonly due: number; readonly chunk: Buffer | null }[] = [];
  private timer: NodeJS.Timeout | undefined;
  private had = 0;

  private readonly sink: Socket;
  private readonly from: Side;
  private readonly weather: () => Weather;

  constructor(sink: Socket, from: Side, weather: () => Weather) {
    this.sink = sink;
    this.from = from;
    this.weather = weather;
  }

  take(chunk: Buffer): void {
    const now = this.weather();
    this.had += chunk.length;
    if (this.from === 'server' && now.kind === 'cut' && this.had >= now.after) {
      this.sink.resetAndDestroy();
      return;
    }
    const spoilt = this.from === 'server' && now.kind === 'garbage';
    this.put(spoilt ? Buffer.alloc(chunk.length, 0x5a) : chunk);
  }

  end(): void {
    this.put(null);
  }

  /** Sends on what is due. */
  move(): void {
    clearTimeout(this.timer);
    const { kind } = this.weather();
    if (kind === 'black-hole' || (kind === 'half-open' && this.from === 'server')) return;
    for (let [next] = this.waiting; next; [next] = this.waiting) {
      const left = next.due - performance.now();
      if (left > 0) {
        this.timer = setTimeout(() => this.move(), left);
        return;
      }
      this.waiting.shift();
      if (next.chunk) this.sink.write(next.chunk);
      else this.sink.end();
    }
  }

  private put(chunk: Buffer | null): void {
    const now = this.weather();
    const late = now.kind === 'delay' ? now.milliseconds : 0;
    this.waiting.push({ due: performance.now() + late, chunk });
    this.move();
  }
}
