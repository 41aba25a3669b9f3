import { Fault } from '../kernel/fault.ts';
import type { BodyReader } from '../wire/body-reader.ts';
import type { Headers } from '../wire/headers.ts';
import { NotHttp } from '../wire/not-http.ts';
import { keepAliveMilliseconds, type ServedExchange, sliceOctets } from './engine.ts';
import type { BodyLimit, Connection, ResponseStream } from './exchange.ts';
import { bodyBroke, peerGone, silent, tooLarge, tooSlow } from './exchange-faults.ts';
import type { WireConnection, WireRequest } from './wire-connection.ts';
import { chunkStart, type Fields, joinedChunk, joinedMessage, startOfAnswer } from './written-head.ts';

/** An exchange over a connection that we read and write ourselves. */
export class WireExchange implements ServedExchange {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly connection: Connection;
  answered = false;
  private readonly wire: WireConnection;
  private readonly request: WireRequest;
  private readonly reader: BodyReader;
  private bodyTaken = false;
  /** Whether the last octet of the answer was written. */
  private complete = false;
  private isLost = false;
  /** Why it ended before its time. */
  private endedBy: Fault | null = null;
  /** When the stream was last written to, on the monotonic clock; infinite when there is none. */
  private wroteAt = Number.POSITIVE_INFINITY;
  private controller: AbortController | null = null;
  private parsedQuery: URLSearchParams | null = null;
  /** Wakes whoever waits for more of the body. */
  private onInput: (() => void) | null = null;

  constructor(request: WireRequest, reader: BodyReader, wire: WireConnection) {
    this.id = wire.live.nextExchange();
    this.method = request.method;
    this.path = request.head.path;
    this.headers = request.head.headers;
    this.connection = wire.live;
    this.wire = wire;
    this.request = request;
    this.reader = reader;
  }

  get query(): URLSearchParams {
    return (this.parsedQuery ??= new URLSearchParams(this.request.head.query));
  }

  get gone(): boolean {
    return this.isLost || this.wire.gone;
  }

  get closed(): AbortSignal {
    if (!this.controller) {
      this.controller = new AbortController();
      if (this.endedBy) this.controller.abort(this.endedBy);
      else if (this.gone && !this.complete) this.controller.abort();
    }
    return this.controller.signal;
  }

  body(limit: BodyLimit): Uint8Array | Promise<Uint8Array> {
    if (this.bodyTaken) throw new Fault('internal', 'A request body was read twice.');
    this.bodyTaken = true;
    const { length } = this.request;
    if (typeof length === 'number' && length > limit.bytes) throw tooLarge(limit);
    const pieces: Uint8Array[] = [];
    let size = 0;
    const take = (): void => {
      this.take((piece) => {
        size += piece.length;
        if (size > limit.bytes) throw tooLarge(limit);
        pieces.push(piece);
      });
    };
    if (!this.reader.ended) take();
    if (this.reader.ended) return joinedPieces(pieces);
    // RFC 9110 §10.1.1: the client may be waiting for leave to send the body.
    if (pieces.length === 0 && this.headers.get('expect')?.toLowerCase() === '100-continue') {
      this.wire.write('HTTP/1.1 100 Continue\r\n\r\n');
    }
    return this.more(take, limit).then(() => joinedPieces(pieces));
  }

  respond(status: number, given: Fields, body?: Uint8Array | string): Promise<void> {
    const octets = typeof body === 'string' ? Buffer.from(body) : body;
    const size = octets?.length ?? 0;
    const last = this.isLast();
    // RFC 9110 §8.6: no Content-Length in a 204.
    const start = this.start(status, given);
    const rest = this.rest(status === 204 ? '' : `content-length: ${size}\r\n`, last);
    const sent = octets && size > 0 && this.method !== 'HEAD' && status !== 204 ? octets : nothing;
    if (sent.length > sliceOctets) return this.writeSlices(joinedMessage(start, rest, nothing), sent, last);
    if (!this.writeWhole(start, rest, sent) && !this.gone) return this.concludeDrained(last);
    this.conclude(last);
    return done;
  }

  stream(status: number, given: Fields): ResponseStream {
    const last = this.isLast();
    this.wire.gather();
    this.wire.write(
      joinedMessage(this.start(status, given), this.rest('transfer-encoding: chunked\r\n', last), nothing),
    );
    this.wroteAt = this.wire.door.clock.monotonic();
    return {
      write: (chunk) => {
        if (this.gone) return Promise.reject(this.endedBy ?? peerGone());
        const octets = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
        if (octets.length === 0 || this.method === 'HEAD') return done;
        this.wroteAt = this.wire.door.clock.monotonic();
        return this.writeChunk(octets) ? done : this.drained();
      },
      end: () => {
        if (this.gone || this.complete) return done;
        this.wire.gather();
        this.wire.write(this.method === 'HEAD' ? '' : '0\r\n\r\n');
        this.conclude(last);
        return done;
      },
      abort: () => this.abort(),
    };
  }

  /** Whether it is a stream that was last written to at that time or before. */
  silentSince(time: number): boolean {
    return this.wroteAt <= time;
  }

  /** Ends a stream that says nothing: properly for the peer, and as lost for whoever writes it. */
  fallSilent(): void {
    if (this.gone || this.complete) return;
    this.end(silent(this.wire.door.patience));
    this.wire.write(this.method === 'HEAD' ? '' : '0\r\n\r\n');
    this.conclude(true);
  }

  /** Says why it ends before its time; nothing more is written. */
  end(why: Fault): void {
    this.endedBy ??= why;
    this.isLost = true;
    this.onInput?.();
    this.controller?.abort(this.endedBy);
  }

  abort(): void {
    this.wire.socket.destroy();
  }

  /** More octets wait at the connection. */
  arrived(): void {
    this.onInput?.();
  }

  /** The peer went away or was cut off. */
  lost(): void {
    if (this.isLost) return;
    this.isLost = true;
    this.onInput?.();
    if (!this.complete) this.controller?.abort();
  }

  /** Hands on what has come of the body. Throws Fault `invalid_input` for octets that are no body. */
  private take(sink: (piece: Uint8Array) => void): void {
    try {
      this.wire.feed(this.reader, sink);
    } catch (error) {
      throw error instanceof NotHttp ? new Fault('invalid_input', `Refused: ${error.message}.`) : error;
    }
  }

  /** Waits until `take` has had the whole body. */
  private async more(take: () => void, limit: BodyLimit): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      reject(tooSlow(limit));
    }, limit.milliseconds);
    this.onInput = () => {
      try {
        take();
        if (this.reader.ended) resolve();
        else if (this.isLost) reject(bodyBroke());
      } catch (error) {
        reject(error);
      }
    };
    if (this.gone) this.onInput();
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.onInput = null;
    }
  }

  /** Whether the connection ends with this answer. */
  private isLast(): boolean {
    const { wire, request } = this;
    this.skipArrived();
    return (
      wire.door.closing() ||
      request.wrong !== null ||
      wire.live.refusal !== null ||
      !this.reader.ended ||
      this.request.closes
    );
  }

  /** The start of the head. Throws TypeError for fields that cannot be sent. */
  private start(status: number, given: Fields): Uint8Array {
    if (this.answered) throw new Fault('internal', 'An exchange was answered twice.');
    const octets = startOfAnswer(status, this.wire.door.extraHeaders, given);
    this.answered = true;
    return octets;
  }

  /** The rest of the head. */
  private rest(framing: string, last: boolean): string {
    // RFC 9110 §6.6.1: whoever has a clock says when it answered.
    return `date: ${this.wire.door.date()}\r\n${last ? closing : staying}${framing}\r\n`;
  }

  /** What has come of a body that nobody took is passed over, so that the connection can go on. */
  private skipArrived(): void {
    if (this.bodyTaken || this.reader.ended) return;
    try {
      this.wire.feed(this.reader, ignore);
    } catch (error) {
      if (!(error instanceof NotHttp)) throw error;
    }
  }

  /** Whether the socket's buffer has room for more. */
  private writeWhole(start: Uint8Array, rest: string, body: Uint8Array): boolean {
    // One write is one TLS record and one system call.
    if (body.length <= largestJoined) return this.wire.write(joinedMessage(start, rest, body));
    this.wire.socket.cork();
    this.wire.write(joinedMessage(start, rest, nothing));
    const room = this.wire.write(body);
    this.wire.socket.uncork();
    return room;
  }

  /** A large answer goes out as the peer takes it, so that it shows when the peer does not. */
  private async writeSlices(head: Uint8Array, body: Uint8Array, last: boolean): Promise<void> {
    let room = this.wire.write(head);
    for (let at = 0; at < body.length && !this.gone; at += sliceOctets) {
      if (!room) await this.drained();
      room = this.wire.write(body.subarray(at, at + sliceOctets));
    }
    if (room || this.gone) this.conclude(last);
    else await this.concludeDrained(last);
  }

  private async concludeDrained(last: boolean): Promise<void> {
    await this.drained();
    this.conclude(last);
  }

  /** Waits until the peer has taken what was written. */
  private async drained(): Promise<void> {
    await this.wire.drain();
    if (this.gone) throw this.endedBy ?? peerGone();
  }

  private writeChunk(body: Uint8Array): boolean {
    this.wire.gather();
    if (body.length <= largestJoined) return this.wire.write(joinedChunk(body));
    this.wire.write(chunkStart(body));
    this.wire.write(body);
    return this.wire.write('\r\n');
  }

  private conclude(last: boolean): void {
    this.complete = true;
    this.wroteAt = Number.POSITIVE_INFINITY;
    this.wire.finish(last, !this.reader.ended);
  }
}

const done = Promise.resolve();

function joinedPieces(pieces: readonly Uint8Array[]): Uint8Array {
  const [only] = pieces;
  return pieces.length === 1 && only ? only : Buffer.concat(pieces);
}

const closing = 'connection: close\r\n';
const staying = `connection: keep-alive\r\nkeep-alive: timeout=${keepAliveMilliseconds / 1_000}\r\n`;
const nothing = new Uint8Array();
/** Bodies up to so many octets are copied behind their head. */
const largestJoined = 64 * 1024;

function ignore(): void {}
