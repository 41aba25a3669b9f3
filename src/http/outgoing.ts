import type { ConnectionOptions } from 'node:tls';
import type { Clock } from '../kernel/clock.ts';
import type { Headers } from '../wire/headers.ts';

/** Kept connections to one origin, each with one request under way at most. */
export interface OutgoingPool {
  /** Sends at once. Nothing is ever sent twice: whether a call may be repeated is not ours to guess. */
  send(request: OutgoingRequest, signal: AbortSignal): Sending;
  /** Takes no more; resolves when what is under way has ended. */
  close(): Promise<void>;
  /** Ends everything now. */
  destroy(): Promise<void>;
}

export interface OutgoingPoolOptions {
  readonly origin: URL;
  /** What TLS needs besides the address; not used for plain HTTP. */
  readonly tls: Pick<ConnectionOptions, 'ca' | 'cert' | 'key' | 'servername' | 'checkServerIdentity'>;
  readonly connectMilliseconds: number;
  readonly clock: Clock;
}

export interface OutgoingRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | null;
  /** From the request to the head of its answer; 0 waits for ever. */
  readonly answerMilliseconds: number;
  /** Silence in the middle of the answer; 0 waits for ever. */
  readonly idleMilliseconds: number;
}

/** A request on its way. */
export interface Sending {
  /** Rejects with the reason of an abort, or with an error that `failureOf` reads. */
  readonly answer: Promise<Answer>;
  /** Ends the exchange, whatever has become of it; its body throws the reason. */
  abort(reason: Error): void;
}

/** The head of an answer and its body as it comes. One of the two ways to read the body is used, once. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** The whole body. Rejects with a failure `oversized` as soon as there are more than so many octets. */
  whole(limit: number): Promise<Uint8Array>;
  /** Piece by piece; leaving the iteration early ends the exchange. */
  pieces(): AsyncIterable<Uint8Array>;
}
