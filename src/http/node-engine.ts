import { createServer as createPlainServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { maximumHeadOctets } from '../wire/field-lines.ts';
import { noHeaders } from '../wire/headers.ts';
import { NotHttp } from '../wire/not-http.ts';
import { type Addressed, readAddress } from '../wire/request-head.ts';
import { type LiveConnection, plainAddress } from './connection.ts';
import { type Door, type Engine, headMilliseconds, keepAliveMilliseconds } from './engine.ts';
import { createExchange } from './node-exchange.ts';
import { handshakeMilliseconds, type ListenTls, tlsServerOptions } from './tls-options.ts';
import { unparsedAnswer } from './unparsed.ts';

/** Node's own HTTP/1.1 server: the reference that the wire engine is held against. */
export function createNodeEngine(tls: ListenTls | null, door: Door): Engine {
  const options = {
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
  const server =
    tls === null
      ? createPlainServer(options)
      : createTlsServer({ ...options, ...tlsServerOptions(tls), handshakeTimeout: handshakeMilliseconds });
  const connections = new Map<Socket, LiveConnection>();

  server.on('clientError', (error: Error, socket: Socket) => {
    // Node repeats every `tlsClientError` here; what has no connection yet never got as far as HTTP.
    const wrong = connections.has(socket) ? notHttpOf(error) : null;
    if (wrong === null || !socket.writable) {
      socket.destroy();
      return;
    }
    door.refused('http', plainAddress(socket.remoteAddress ?? ''), wrong.message);
    socket.end(unparsedAnswer(wrong), () => socket.destroy());
  });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const connection = connections.get(request.socket);
    if (connection) take(request, response, connection, door);
    else response.destroy();
  });
  return {
    server,
    accept(socket, connection) {
      connections.set(socket, connection);
      socket.once('close', () => connections.delete(socket));
    },
    closeIdle: () => server.closeIdleConnections(),
    cutAll: () => server.closeAllConnections(),
  };
}

function take(
  request: IncomingMessage,
  response: ServerResponse,
  connection: LiveConnection,
  door: Door,
): void {
  response.once('close', () => {
    // A stream that began before closing did not say `Connection: close`.
    if (door.closed()) request.socket.end();
  });
  const { head, wrong } = tryReadAddress(request);
  const exchange = createExchange(request, response, {
    id: connection.nextExchange(),
    head,
    connection,
    extraHeaders: door.extraHeaders,
    patience: door.patience,
    lastOnConnection: () => door.closing() || wrong !== null || connection.refusal !== null,
  });
  const rest = connection.takeRest();
  if (rest === 0) return void door.serve(exchange, connection, wrong);
  const timer = setTimeout(() => void door.serve(exchange, connection, wrong), rest);
  response.once('close', () => clearTimeout(timer));
}

function tryReadAddress(request: IncomingMessage): {
  readonly head: Addressed;
  readonly wrong: NotHttp | null;
} {
  try {
    return { head: readAddress(request.url ?? '', request.rawHeaders), wrong: null };
  } catch (error) {
    if (!(error instanceof NotHttp)) throw error;
    return { head: { path: '', query: '', headers: noHeaders }, wrong: error };
  }
}

/** Why a request never became one; null when the peer merely went away. */
function notHttpOf(error: Error): NotHttp | null {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  switch (code) {
    case 'ECONNRESET':
    case 'EPIPE':
    case 'HPE_INVALID_EOF_STATE':
      return null;
    case 'HPE_HEADER_OVERFLOW':
      return new NotHttp('the header section is larger than 16 KiB', 431);
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new NotHttp('the header section was not complete in time', 408);
    case 'HPE_UNEXPECTED_CONTENT_LENGTH':
    case 'HPE_INVALID_TRANSFER_ENCODING':
    case 'HPE_INVALID_CONTENT_LENGTH':
      return new NotHttp(`the length of the body is not stated in exactly one way (${code})`);
    default:
      return new NotHttp(`the request is not strict HTTP/1.1 (${code === '' ? error.message : code})`);
  }
}
