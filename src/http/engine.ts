import type { Server, Socket } from 'node:net';
import type { Clock } from '../kernel/clock.ts';
import type { NotHttp } from '../wire/not-http.ts';
import type { HttpVersion } from '../wire/request-head.ts';
import type { LiveConnection } from './connection.ts';
import type { Exchange } from './exchange.ts';
import type { ListenTls } from './tls-options.ts';

/** What turns the octets of accepted sockets into exchanges, one listener's worth. */
export interface Engine {
  /** Not yet bound. */
  readonly server: Server;
  /** Takes over a socket whose handshake is done. */
  accept(socket: Socket, connection: LiveConnection): void;
  /** Ends the connections on which nothing has been asked for that many milliseconds. */
  closeIdle(milliseconds: number): void;
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
  readonly patience: Patience;
  /** The oldest HTTP that is spoken; 1.1 unless given. */
  readonly oldest?: HttpVersion;
  /** Whether every answer that begins now says that its connection ends with it. */
  closing(): boolean;
  /** Whether a connection ends with an answer that did not say so. */
  closed(): boolean;
  /** Answers one request; never rejects. `wrong` is what its head has against it. */
  serve(exchange: ServedExchange, connection: LiveConnection, wrong: NotHttp | null): Promise<void>;
  /** Tells of octets that never became a request, and of handshakes that failed. */
  refused(stage: 'tls' | 'http', address: string, reason: string): void;
}

/** How long an answer may take that nobody reads, or that says nothing. */
export interface Patience {
  /** A peer that took less than `sliceOctets` of an answer in this time is cut off. */
  readonly stallMilliseconds: number;
  /** A stream on which nothing was sent for this time is ended. */
  readonly silentMilliseconds: number;
}

export const defaultPatience: Patience = { stallMilliseconds: 30_000, silentMilliseconds: 3_600_000 };

/** Octets of a whole answer that are handed to the socket at once; the peer has to take them in time. */
export const sliceOctets = 256 * 1024;

/** How often waits are looked at, so that they end at most an eighth late. */
export function sweepMilliseconds({ stallMilliseconds, silentMilliseconds }: Patience): number {
  return Math.min(headMilliseconds / 3, stallMilliseconds / 8, silentMilliseconds / 8);
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
