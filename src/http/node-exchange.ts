import { once } from 'node:events';
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { Fault } from '../kernel/fault.ts';
import type { Addressed } from '../wire/request-head.ts';
import { lingerMilliseconds, type Patience, type ServedExchange, sliceOctets } from './engine.ts';
import type { AnswerHeaders, Connection, ResponseStream } from './exchange.ts';
import { peerGone, silent, stalled } from './exchange-faults.ts';
import { readBody } from './read-body.ts';

/** What the listener adds to one request. */
export interface ExchangeFrame {
  readonly id: string;
  readonly head: Addressed;
  readonly connection: Connection;
  /** Sent with every answer. */
  readonly extraHeaders: Readonly<Record<string, string>>;
  /** Whether the connection ends after this answer. */
  readonly lastOnConnection: () => boolean;
  readonly patience: Patience;
}

/** An exchange over Node's request and response. */
export function createExchange(
  request: IncomingMessage,
  response: ServerResponse,
  frame: ExchangeFrame,
): ServedExchange {
  const { path, query, headers } = frame.head;
  const declared = headers.get('content-length');
  const hasBody = headers.get('transfer-encoding') !== null || (declared !== null && declared !== '0');
  let bodyTaken = false;
  let closed: AbortController | null = null;
  let parsedQuery: URLSearchParams | null = null;
  const ended: Ended = { by: null };
  const write = async (octets: Uint8Array | string): Promise<void> => {
    if (response.write(octets)) return;
    const timer = setTimeout(() => {
      ended.by = stalled(frame.patience);
      frame.connection.cut();
    }, frame.patience.stallMilliseconds);
    try {
      await drained(response, ended);
    } finally {
      clearTimeout(timer);
    }
  };

  const begin = (status: number, given: AnswerHeaders): boolean => {
    if (response.headersSent) throw new Fault('internal', 'An exchange was answered twice.');
    const unread = hasBody && !request.complete;
    if (unread || frame.lastOnConnection()) response.setHeader('connection', 'close');
    response.writeHead(status, { ...frame.extraHeaders, ...given } as OutgoingHttpHeaders);
    return unread;
  };

  return {
    id: frame.id,
    method: request.method ?? '',
    path,
    headers,
    connection: frame.connection,
    get query() {
      return (parsedQuery ??= new URLSearchParams(query));
    },
    get answered() {
      return response.headersSent;
    },
    abort: () => void response.destroy(),
    get gone() {
      return response.destroyed;
    },
    get closed() {
      return (closed ??= closedSignal(response, frame.connection, ended)).signal;
    },
    async body(limit) {
      if (bodyTaken) throw new Fault('internal', 'A request body was read twice.');
      bodyTaken = true;
      if (!hasBody) return new Uint8Array();
      return readBody(request, declared === null ? null : Number(declared), limit);
    },
    async respond(status, given, body) {
      const octets = typeof body === 'string' ? Buffer.from(body) : body;
      // RFC 9110 §8.6: no Content-Length in a 204.
      const length = status === 204 ? {} : { 'content-length': String(octets?.length ?? 0) };
      const unread = begin(status, { ...given, ...length });
      if (unread) return linger(request, response, octets);
      const size = octets?.length ?? 0;
      for (let at = 0; at < size && !response.destroyed; at += sliceOctets) {
        if (octets) await write(octets.subarray(at, at + sliceOctets));
      }
      response.end();
    },
    stream(status, given) {
      begin(status, given);
      response.flushHeaders();
      return responseStream(response, { write, ended, patience: frame.patience });
    },
  };
}

/** Why an answer ended before its time. */
interface Ended {
  by: Fault | null;
}

function closedSignal(response: ServerResponse, connection: Connection, ended: Ended): AbortController {
  const controller = new AbortController();
  const abort = (): void => controller.abort(ended.by ?? undefined);
  if (response.destroyed || connection.closed.aborted) {
    abort();
    return controller;
  }
  connection.closed.addEventListener('abort', abort, { once: true });
  response.once('close', () => {
    connection.closed.removeEventListener('abort', abort);
    if (!response.writableFinished || ended.by) abort();
  });
  return controller;
}

/**
 * Sends the whole answer but leaves the connection open a moment: closing at once, with body octets unread, would
 * make TCP reset it and lose the answer that the peer has not read yet (RFC 9112 §9.6).
 */
function linger(request: IncomingMessage, response: ServerResponse, octets: Uint8Array | undefined): void {
  if (octets) response.write(octets);
  else response.flushHeaders();
  const timer = setTimeout(() => response.end(), lingerMilliseconds);
  // The peer closing its side, as one that has read `Connection: close` does, ends the wait.
  request.socket.once('close', () => clearTimeout(timer));
}

interface Streaming {
  readonly write: (octets: Uint8Array | string) => Promise<void>;
  readonly ended: Ended;
  readonly patience: Patience;
}

function responseStream(response: ServerResponse, { write, ended, patience }: Streaming): ResponseStream {
  const silence = setTimeout(() => {
    ended.by ??= silent(patience);
    response.end();
  }, patience.silentMilliseconds);
  response.once('close', () => clearTimeout(silence));
  return {
    async write(chunk) {
      if (response.destroyed || ended.by) throw ended.by ?? peerGone();
      silence.refresh();
      await write(chunk);
    },
    async end() {
      clearTimeout(silence);
      if (!response.destroyed) response.end();
    },
    abort() {
      response.destroy();
    },
  };
}

async function drained(response: ServerResponse, ended: Ended): Promise<void> {
  const gone = new AbortController();
  const leave = (): void => gone.abort();
  response.once('close', leave);
  try {
    await once(response, 'drain', { signal: gone.signal });
  } catch (cause) {
    throw ended.by ?? peerGone(cause);
  } finally {
    response.off('close', leave);
  }
}
