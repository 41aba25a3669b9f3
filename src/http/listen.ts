import {
  createServer as createPlainServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../kernel/clock.ts';
import { Fault, toFault } from '../kernel/fault.ts';
import { createConnection, type LiveConnection, plainAddress } from './connection.ts';
import type { Exchange, Listener } from './exchange.ts';
import { createHostGuard, type HostGuard, isLoopbackHost } from './host-guard.ts';
import { createExchange } from './node-exchange.ts';
import { answerProblem } from './problem.ts';
import { emptyHead, type Head, readHead } from './read-head.ts';
import { answerUnparsed, unparsedReason } from './unparsed.ts';
import {
  handshakeMilliseconds,
  type ListenTls,
  secureContextOptions,
  tlsServerOptions,
} from './tls-options.ts';
import { tlsReason } from './tls-reason.ts';

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
  /** null speaks plain HTTP, on a loopback host only. */
  readonly tls: ListenTls | null;
  /** Host header names that are answered to besides the loopback ones. */
  readonly hosts: readonly string[];
  /** Origins whose pages may call. */
  readonly origins: readonly string[];
  /** Whether Strict-Transport-Security is sent (RFC 6797 §6.1). */
  readonly hsts?: boolean;
  handle(exchange: Exchange): Promise<void>;
  onRefused?(refusal: Refusal): void;
  /** Told of errors that no peer may see. */
  onError?(error: unknown): void;
  readonly clock: Clock;
}

const maximumHeadOctets = 16 * 1024;
const headMilliseconds = 15_000;
const keepAliveMilliseconds = 75_000;
const oneYearSeconds = 31_536_000;

/** Opens a listener. Throws Fault `port_taken` or `config_invalid`. */
export async function listen(options: ListenOptions): Promise<Listener> {
  if (options.tls === null && !isLoopbackHost(options.host)) {
    throw new Fault(
      'config_invalid',
      `Listener ${options.name}: plain HTTP on ${options.host} would be open to the network. Use TLS or a loopback host.`,
    );
  }
  const server = createServer(options.tls);
  const state = createState(options);
  accept(server, options, state);
  await bind(server, options);
  return listener(server, options, state);
}

interface State {
  readonly guard: HostGuard;
  readonly connections: Map<Socket, LiveConnection>;
  readonly extraHeaders: Readonly<Record<string, string>>;
  closing: boolean;
}

function createState(options: ListenOptions): State {
  return {
    guard: createHostGuard(options.hosts, options.origins),
    connections: new Map(),
    extraHeaders: options.hsts ? { 'strict-transport-security': `max-age=${oneYearSeconds}` } : {},
    closing: false,
  };
}

function createServer(tls: ListenTls | null): Server | TlsServer {
  const http = {
    insecureHTTPParser: false,
    requireHostHeader: true,
    maxHeaderSize: maximumHeadOctets,
    headersTimeout: headMilliseconds,
    connectionsCheckingInterval: headMilliseconds / 3,
    // A stream may last for hours; heads and bodies have limits of their own.
    requestTimeout: 0,
    keepAliveTimeout: keepAliveMilliseconds,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 30_000,
  };
  if (tls === null) return createPlainServer(http);
  return createTlsServer({ ...http, ...tlsServerOptions(tls), handshakeTimeout: handshakeMilliseconds });
}

function accept(server: Server | TlsServer, options: ListenOptions, state: State): void {
  const refused = (stage: Refusal['stage'], address: string, reason: string): void => {
    options.onRefused?.({ stage, address, reason });
  };
  server.on(options.tls === null ? 'connection' : 'secureConnection', (socket: Socket) => {
    const connection = createConnection(socket);
    state.connections.set(socket, connection);
    socket.once('close', () => state.connections.delete(socket));
    if (connection.refusal !== null) refused('tls', connection.address, connection.refusal);
  });
  server.on('tlsClientError', (error: Error, socket: TLSSocket) => {
    refused('tls', plainAddress(socket.remoteAddress ?? ''), tlsReason(error, socket.authorizationError));
  });
  server.on('clientError', (error: Error, socket: Socket) => {
    // Node repeats every `tlsClientError` here; what has no connection yet never got as far as HTTP.
    if (!state.connections.has(socket)) {
      socket.destroy();
      return;
    }
    const reason = unparsedReason(error);
    if (reason !== null) refused('http', plainAddress(socket.remoteAddress ?? ''), reason);
    answerUnparsed(error, socket);
  });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const connection = state.connections.get(request.socket);
    if (connection) void serve(request, response, connection, options, state);
    else response.destroy();
  });
}

/** One request from its head to the end of its answer; never rejects. */
async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  connection: LiveConnection,
  options: ListenOptions,
  state: State,
): Promise<void> {
  response.once('close', () => {
    // A stream that began before closing did not say `Connection: close`.
    if (state.closing) request.socket.end();
  });
  const read = tryReadHead(request);
  const exchange = createExchange(request, response, {
    id: connection.nextExchange(),
    head: read.head,
    connection,
    extraHeaders: state.extraHeaders,
    lastOnConnection: () => state.closing || read.fault !== null || connection.refusal !== null,
  });
  try {
    const refusal = read.fault ?? refusalOf(exchange, connection, state.guard);
    if (refusal) {
      options.onRefused?.({ stage: 'http', address: connection.address, reason: refusal.message });
      return await answerProblem(exchange, refusal);
    }
    await options.handle(exchange);
    if (!exchange.answered && !response.destroyed) throw new Error('the handler ended without an answer');
  } catch (error) {
    const fault = toFault(error);
    if (fault.code === 'internal') options.onError?.(fault.cause ?? fault);
    // With the head out, only a broken end tells the peer that the answer is incomplete.
    if (exchange.answered) response.destroy();
    else await answerProblem(exchange, fault).catch(() => response.destroy());
  }
}

function tryReadHead(request: IncomingMessage): { readonly head: Head; readonly fault: Fault | null } {
  try {
    return { head: readHead(request.url ?? '', request.rawHeaders), fault: null };
  } catch (error) {
    return { head: emptyHead, fault: toFault(error) };
  }
}

function refusalOf(exchange: Exchange, connection: LiveConnection, guard: HostGuard): Fault | null {
  if (connection.refusal !== null) return new Fault('identity_refused', `Refused: ${connection.refusal}.`);
  try {
    guard.check(exchange.headers);
    return null;
  } catch (error) {
    return toFault(error);
  }
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

function listener(server: Server | TlsServer, options: ListenOptions, state: State): Listener {
  const { port } = server.address() as AddressInfo;
  const { name, host, tls } = options;
  const close = async (graceMilliseconds = 0): Promise<void> => {
    state.closing = true;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    const cutAll = (): void => {
      for (const connection of state.connections.values()) connection.cut();
      server.closeAllConnections();
    };
    const timer = setTimeout(cutAll, graceMilliseconds);
    await closed;
    clearTimeout(timer);
  };
  return {
    name,
    host,
    port,
    url: `${tls === null ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${port}`,
    replaceTls(material) {
      if (tls === null || !('setSecureContext' in server)) {
        throw new Fault(
          'config_invalid',
          `Listener ${name} speaks plain HTTP and has no certificate to replace.`,
        );
      }
      server.setSecureContext(secureContextOptions({ ...tls, material }));
    },
    connections: () => state.connections.values(),
    close,
    [Symbol.asyncDispose]: () => close(),
  };
}
