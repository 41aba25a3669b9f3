import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { Deadlines } from './deadlines.ts';
import { ExchangeFailure } from './failure.ts';
import type { OutgoingPool, OutgoingPoolOptions } from './outgoing.ts';
import { WireOutlet } from './wire-outlet.ts';
import { WireSending } from './wire-sending.ts';

/** How often connections that were idle too long are looked for, in milliseconds. */
const sweepMilliseconds = 1_000;

/** Our own HTTP/1.1 client: connections made when none is free, used again while their server keeps them. */
export function createWirePool(options: OutgoingPoolOptions): OutgoingPool {
  const { origin, clock } = options;
  const time = { clock, deadlines: new Deadlines(clock) };
  const open = new Set<WireOutlet>();
  const connecting = new Set<Socket>();
  /** The latest used is last, and used first. */
  const idle: WireOutlet[] = [];
  let closed: PromiseWithResolvers<void> | null = null;

  const free = (outlet: WireOutlet, kept: number): void => {
    if (closed) return outlet.destroy();
    outlet.idleUntil = clock.monotonic() + kept;
    idle.push(outlet);
  };
  const settle = (): void => {
    if (closed && open.size === 0 && connecting.size === 0) closed.resolve();
  };
  const sweep = setInterval(() => {
    const now = clock.monotonic();
    for (const outlet of idle.splice(0)) {
      if (outlet.usable && outlet.idleUntil > now) idle.push(outlet);
      else outlet.destroy();
    }
  }, sweepMilliseconds);
  sweep.unref();

  const takeIdle = (): WireOutlet | null => {
    for (let outlet = idle.pop(); outlet; outlet = idle.pop()) {
      if (outlet.usable && outlet.idleUntil > clock.monotonic()) return outlet;
      outlet.destroy();
    }
    return null;
  };
  const connectFor = (sending: WireSending): void => {
    let outlet: WireOutlet | null = null;
    const socket = openSocket(options, (octets) => outlet?.arrived(octets));
    connecting.add(socket);
    const timer = setTimeout(() => {
      socket.destroy(new ExchangeFailure('timeout', 'no connection could be made in time'));
    }, options.connectMilliseconds);
    const fail = (error: Error): void => sending.fail(error);
    const over = (): void => {
      clearTimeout(timer);
      connecting.delete(socket);
    };
    const onClose = (): void => {
      over();
      sending.fail(new ExchangeFailure('unreachable', 'it ended the connection before it was made'));
      settle();
    };
    socket.on('error', fail);
    socket.once('close', onClose);
    socket.once(origin.protocol === 'https:' ? 'secureConnect' : 'connect', () => {
      over();
      socket.off('error', fail).off('close', onClose);
      const made = new WireOutlet(socket, origin.host, free);
      outlet = made;
      open.add(made);
      socket.once('close', () => {
        open.delete(made);
        settle();
      });
      if (sending.isOver) free(made, 1);
      else made.carry(sending);
    });
  };
  const stop = (): Promise<void> => {
    clearInterval(sweep);
    closed ??= Promise.withResolvers();
    for (const outlet of idle.splice(0)) outlet.destroy();
    settle();
    return closed.promise;
  };

  return {
    send(request, signal) {
      const sending = new WireSending(request, signal, time);
      if (sending.isOver) return sending;
      if (closed) {
        sending.fail(new ExchangeFailure('unreachable', 'its connections are closed'));
        return sending;
      }
      const outlet = takeIdle();
      if (outlet) outlet.carry(sending);
      else connectFor(sending);
      return sending;
    },
    close: stop,
    async destroy() {
      const done = stop();
      for (const socket of connecting) socket.destroy();
      for (const outlet of open) outlet.destroy();
      await done;
    },
  };
}

/**
 * What every connection reads into, one read after another: what has come is copied out before the next. Left alone, Node
 * makes a large buffer for each read, and collecting those cost a tenth of a call.
 */
const readBuffer = Buffer.allocUnsafeSlow(64 * 1024);

function openSocket({ origin, tls }: OutgoingPoolOptions, onOctets: (octets: Buffer) => void): Socket {
  const host = origin.hostname.replace(/^\[|\]$/g, '');
  const callback = (size: number): boolean => {
    const octets = Buffer.allocUnsafe(size);
    readBuffer.copy(octets, 0, 0, size);
    onOctets(octets);
    return true;
  };
  const onread = { buffer: readBuffer, callback };
  const address = { host, onread, noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 };
  if (origin.protocol !== 'https:') return connectPlain({ ...address, port: Number(origin.port || 80) });
  return connectTls({
    ...address,
    port: Number(origin.port || 443),
    ALPNProtocols: ['http/1.1'],
    // RFC 6066 §3: an IP address is no server name.
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...tls,
  });
}
