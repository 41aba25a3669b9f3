import type { Server, Socket } from 'node:net';
import type { Clock } from '../kernel/clock.ts';
import type { NotHttp } from '../wire/not-http.ts';
import type { LiveConnection } from './connection.ts';
import type { Exchange } from './exchange.ts';
import type { ListenTls } from './tls-options.ts';

/** What turns the octets of accepted sockets into exchanges, one listener's worth. */
export interface Engine {
  /** Not yet bound. */
  readonly server: Server;
  /** Takes over a socket whose handshake is done. */
  accept(socket: Socket, connection: LiveConnection): void;
  /** Ends the connections on which nothing is asked at the moment. */
  closeIdle(): void;
  /** Destroys every socket, those in the middle of a handshake included. */
  cutAll(): void;
}

/** The listener as its engine sees it. */
export interface Door {
  readonly clock: Clock;
  /** The time as an HTTP date. */
  date(): string;
  /** Sent with every answer. */
  readonly extraHeaders: Readonly<Record<string, string>>;
  /** Whether connections end after their next answer. */
  closing(): boolean;
  /** Answers one request; never rejects. `wrong` is what its head has against it. */
  serve(exchange: ServedExchange, connection: LiveConnection, wrong: NotHttp | null): Promise<void>;
  /** Tells of octets that never became a request, and of handshakes that failed. */
  refused(stage: 'tls' | 'http', address: string, reason: string): void;
}

export type CreateEngine = (tls: ListenTls | null, door: Door) => Engine;

/** An exchange as its listener holds it. */
export interface ServedExchange extends Exchange {
  /** Ends the connection without a proper end of the answer. */
  abort(): void;
  /** Whether nobody is left to be answered. */
  readonly gone: boolean;
}

export const headMilliseconds = 15_000;
export const keepAliveMilliseconds = 75_000;
/** How long a peer that is still sending its body may take to read an answer, in milliseconds. */
export const lingerMilliseconds = 500;
