import type { AddressInfo, Server, Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { Server as TlsServer, type TLSSocket } from 'node:tls';
import type { Clock } from '../kernel/clock.ts';
import type { HttpVersion } from '../wire/request-head.ts';
import { Fault } from '../kernel/fault.ts';
import { createConnection, type LiveConnection, plainAddress } from './connection.ts';
import { type CreateEngine, defaultPatience, type Door, type Engine, type Patience } from './engine.ts';
import type { Connection, Exchange, Listener, TlsMaterial } from './exchange.ts';
import { followHandshakes } from './handshakes.ts';
import { createHostGuard, isLoopbackHost } from './host-guard.ts';
import type { HttpEngine } from './http-engine.ts';
import { createHttpDate } from './http-date.ts';
import { createNodeEngine } from './node-engine.ts';
import { serve, type Serving } from './serve.ts';
import { type ListenTls, secureContextOptions } from './tls-options.ts';
import { tlsReason } from './tls-reason.ts';
import { createWireEngine } from './wire-engine.ts';

/** A peer that was turned away before any handler saw it. */
export interface Refusal {
  readonly stage: 'tls' | 'http';
  readonly address: string;
  /** For people. */
  readonly reason: string;
}

export interface ListenOptions {
  /** For messages. */
  readonly name: string;
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** null speaks plain HTTP, on a loopback host only unless `open`. */
  readonly tls: ListenTls | null;
  /** Whether all that is served is public and verifies itself, so that plain HTTP may be open to the network. */
  readonly open?: boolean;
  /** The oldest HTTP that is spoken; 1.1 unless given. */
  readonly oldest?: HttpVersion;
  /** Host header names that are answered to besides the loopback ones. */
  readonly hosts: readonly string[];
  /** Origins whose pages may call. */
  readonly origins: readonly string[];
  /** Whether Strict-Transport-Security is sent (RFC 6797 §6.1). */
  readonly hsts?: boolean;
  handle(exchange: Exchange): Promise<void>;
  /** Asked about each connection whose handshake is done; a fault ends it. */
  welcome?(connection: Connection): Fault | null;
  /**
   * Which requests are handed on although the connection's client certificate did not verify; none unless given. The
   * handler finds it as `unverified` and decides for itself.
   */
  admitsUnverified?(exchange: Exchange): boolean;
  /** An OCSP response about the listener's own certificate, in DER, for peers that ask for one in the handshake. */
  staple?(certificate: Uint8Array): Promise<Uint8Array | null>;
  onRefused?(refusal: Refusal): void;
  /** Told of errors that no peer may see. */
  onError?(error: unknown): void;
  readonly clock: Clock;
  readonly patience?: Patience;
  /** Who reads and writes the HTTP: `wire` is ours, `node` the reference that it is held against. */
  readonly engine?: HttpEngine;
}

const engines: Readonly<Record<HttpEngine, CreateEngine>> = {
  wire: createWireEngine,
  node: createNodeEngine,
};

const oneYearSeconds = 31_536_000;

/** Opens a listener. Throws Fault `port_taken` or `config_invalid`. */
export async function listen(options: ListenOptions): Promise<Listener> {
  if (options.tls === null && options.open !== true && !isLoopbackHost(options.host)) {
    throw new Fault(
      'config_invalid',
      `Listener ${options.name}: plain HTTP on ${options.host} would be open to the network. Use TLS or a loopback host.`,
    );
  }
  const state: State = {
    connections: new Map(),
    closing: false,
    closed: false,
    material: options.tls?.material ?? null,
  };
  const engine = engines[options.engine ?? 'wire'](options.tls, createDoor(options, state));
  accept(engine, options, state);
  await bind(engine.server, options);
  return listener(engine, options, state);
}

interface State {
  readonly connections: Map<Socket, LiveConnection>;
  /** Every answer says that its connection ends with it. */
  closing: boolean;
  /** Nothing is waited for but the answers under way. */
  closed: boolean;
  /** What handshakes that begin now are made with. */
  material: TlsMaterial | null;
}

function createDoor(options: ListenOptions, state: State): Door {
  const refused: Door['refused'] = (stage, address, reason) => {
    options.onRefused?.({ stage, address, reason });
  };
  const serving: Serving = {
    guard: createHostGuard(options.tls === null ? 'http' : 'https', options.hosts, options.origins),
    admitsUnverified: (exchange) => options.admitsUnverified?.(exchange) ?? false,
    handle: (exchange) => options.handle(exchange),
    refused,
    onError: (error) => options.onError?.(error),
  };
  return {
    clock: options.clock,
    date: createHttpDate(options.clock),
    extraHeaders: options.hsts ? { 'strict-transport-security': `max-age=${oneYearSeconds}` } : {},
    patience: options.patience ?? defaultPatience,
    ...(options.oldest && { oldest: options.oldest }),
    closing: () => state.closing,
    closed: () => state.closed,
    serve: (exchange, connection, wrong) => serve(exchange, connection, wrong, serving),
    refused,
  };
}

function accept(engine: Engine, options: ListenOptions, state: State): void {
  const { server } = engine;
  const handshakes = followHandshakes(server, () => state.material);
  server.on(options.tls === null ? 'connection' : 'secureConnection', (socket: Socket) => {
    const connection = createConnection(socket, handshakes.materialOf(socket)?.partners);
    state.connections.set(socket, connection);
    socket.once('close', () => state.connections.delete(socket));
    // Where some requests are admitted, only a request shows whether this one is refused.
    if (connection.refusal !== null && !options.admitsUnverified) {
      options.onRefused?.({ stage: 'tls', address: connection.address, reason: connection.refusal });
    }
    const unwelcome = options.welcome?.(connection) ?? null;
    if (unwelcome) {
      options.onRefused?.({ stage: 'tls', address: connection.address, reason: unwelcome.message });
      socket.on('error', () => undefined);
      return connection.cut();
    }
    engine.accept(socket, connection);
  });
  const { staple } = options;
  if (staple) server.on('OCSPRequest', stapling(staple, options));
  server.on('tlsClientError', (error: Error, socket: TLSSocket) => {
    const address = plainAddress(socket.remoteAddress ?? '');
    options.onRefused?.({ stage: 'tls', address, reason: tlsReason(error, socket.authorizationError) });
  });
}

type GiveStaple = (error: Error | null, response: Buffer | null) => void;

/** A handshake goes on without a response when there is none to give: the peer decides what that means to it. */
function stapling(
  staple: NonNullable<ListenOptions['staple']>,
  { onError }: ListenOptions,
): (certificate: Buffer, issuer: Buffer, give: GiveStaple) => void {
  return (certificate, _issuer, give) => {
    staple(certificate).then(
      (response) => give(null, response && Buffer.from(response)),
      (error: unknown) => {
        onError?.(error);
        give(null, null);
      },
    );
  };
}

async function bind(server: Server, options: ListenOptions): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(bindFault(error, options)));
    server.listen({ host: options.host, port: options.port }, resolve);
  });
  server.removeAllListeners('error');
  server.on('error', (error) => options.onError?.(error));
}

function bindFault(error: Error, options: ListenOptions): Fault {
  const place = `${options.host}:${options.port}`;
  const code = 'code' in error ? error.code : '';
  if (code === 'EADDRINUSE') {
    return new Fault(
      'port_taken',
      `Listener ${options.name}: ${place} is in use by another process. Stop it or choose another port.`,
      { cause: error },
    );
  }
  const why = code === 'EACCES' ? 'this user may not open that port' : error.message;
  return new Fault('config_invalid', `Listener ${options.name} cannot open ${place}: ${why}.`, {
    cause: error,
  });
}

function listener(engine: Engine, options: ListenOptions, state: State): Listener {
  const { server } = engine;
  const { port } = server.address() as AddressInfo;
  const { name, host, tls } = options;
  const close = async (graceMilliseconds = 0): Promise<void> => {
    state.closed = true;
    await end(engine, state, { idle: 0, grace: graceMilliseconds });
  };
  const drain: Listener['drain'] = async ({ acceptMilliseconds, graceMilliseconds, onAccepted }) => {
    state.closing = true;
    await wait(acceptMilliseconds);
    onAccepted?.();
    await end(engine, state, { idle: acceptMilliseconds, grace: graceMilliseconds });
  };
  return {
    name,
    host,
    port,
    url: `${tls === null ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${port}`,
    replaceTls(material) {
      if (tls === null || !(server instanceof TlsServer)) {
        throw new Fault(
          'config_invalid',
          `Listener ${name} speaks plain HTTP and has no certificate to replace.`,
        );
      }
      server.setSecureContext(secureContextOptions({ ...tls, material }));
      state.material = material;
    },
    connections: () => state.connections.values(),
    drain,
    close,
    [Symbol.asyncDispose]: () => close(),
  };
}

/** How often connections that have become idle are looked for, in milliseconds. */
const idleLookMilliseconds = 50;

/** Accepts nothing more; cuts what has not ended by itself `grace` milliseconds later. */
async function end(engine: Engine, state: State, after: { idle: number; grace: number }): Promise<void> {
  state.closing = true;
  const closed = new Promise<void>((resolve) => engine.server.close(() => resolve()));
  engine.closeIdle(after.idle);
  const look = setInterval(() => engine.closeIdle(after.idle), idleLookMilliseconds);
  const cutAll = (): void => {
    for (const connection of state.connections.values()) connection.cut();
    engine.cutAll();
  };
  const timer = setTimeout(cutAll, after.grace);
  await closed;
  clearInterval(look);
  clearTimeout(timer);
}
