import type { Socket } from 'node:net';
import { type BodyLength, requestBodyLength } from '../wire/body-length.ts';
import { BodyReader } from '../wire/body-reader.ts';
import { hasBareFeed, headEnd, maximumHeadOctets } from '../wire/field-lines.ts';
import { noHeaders, saysClose } from '../wire/headers.ts';
import { KnownHead } from '../wire/known-head.ts';
import { NotHttp } from '../wire/not-http.ts';
import { type Addressed, type HttpVersion, parseRequestHead, readAddress } from '../wire/request-head.ts';
import type { LiveConnection } from './connection.ts';
import { type Door, headMilliseconds, keepAliveMilliseconds, lingerMilliseconds } from './engine.ts';
import { stalled } from './exchange-faults.ts';
import { unparsedAnswer } from './unparsed.ts';
import { WireExchange } from './wire-exchange.ts';

/** A request as it was read off a connection. */
export interface WireRequest {
  readonly method: string;
  readonly head: Addressed;
  readonly length: BodyLength;
  /** Whether the peer ends the connection behind it. */
  readonly closes: boolean;
  /** What its head has against it; it is answered and the connection ends. */
  readonly wrong: NotHttp | null;
}

const nothing = Buffer.alloc(0);
/** Octets that may wait for an exchange to take them before the peer is asked to pause. */
const highWaterOctets = 64 * 1024;

/** One accepted socket, read strictly: one request at a time, each to its last octet before the next is looked at. */
export class WireConnection {
  readonly socket: Socket;
  readonly live: LiveConnection;
  readonly door: Door;
  private input: Buffer = nothing;
  /** How far `input` was searched for the end of a head. */
  private searched = 0;
  private readonly lastHead = new KnownHead<WireRequest>();
  private exchange: WireExchange | null = null;
  /** Monotonic milliseconds after which waiting for a request is over; infinite during an exchange. */
  private deadline: number;
  /** When the last exchange ended, or the connection began, on the monotonic clock. */
  private restedAt: number;
  /** Monotonic milliseconds after which the peer has taken too little of what was written. */
  private stallsAt = Number.POSITIVE_INFINITY;
  /** Runs while the peer is made to wait before its next request. */
  private resting: NodeJS.Timeout | null = null;
  /** Nothing more is read as HTTP. */
  private over = false;
  private onDrain: (() => void) | null = null;
  private gathering = false;

  constructor(socket: Socket, live: LiveConnection, door: Door) {
    this.socket = socket;
    this.live = live;
    this.door = door;
    this.restedAt = door.clock.monotonic();
    this.deadline = this.restedAt + headMilliseconds;
    socket.on('data', (chunk: Buffer) => this.arrived(chunk));
    socket.on('drain', () => this.drained());
    socket.on('error', ignore);
    // Also aborted when the connection is cut, a turn before the socket says so.
    live.closed.addEventListener('abort', () => this.lost(), { once: true });
    const rest = live.takeRest();
    if (rest > 0) this.rest(rest);
  }

  /** Since when nothing is asked on it, on the monotonic clock; infinite during an exchange. */
  get idleAt(): number {
    return this.exchange === null ? this.restedAt : Number.POSITIVE_INFINITY;
  }

  get gone(): boolean {
    return this.socket.destroyed;
  }

  /** Ends a connection whose peer keeps us waiting, and a stream that is silent; called now and then. */
  expire(now: number): void {
    if (now >= this.stallsAt) {
      this.exchange?.end(stalled(this.door.patience));
      this.live.cut();
    }
    if (this.exchange?.silentSince(now - this.door.patience.silentMilliseconds)) {
      this.exchange.fallSilent();
    }
    if (now < this.deadline || this.over) return;
    if (this.input.length === 0) this.socket.destroy();
    else this.refuse(new NotHttp('the header section was not complete in time', 408));
  }

  /** Lets a body take what has come of it. Throws NotHttp. */
  feed(reader: BodyReader, sink: (piece: Uint8Array) => void): void {
    const { input } = this;
    this.input = nothing;
    const taken = reader.take(input, sink);
    if (taken < input.length) this.input = input.subarray(taken);
    this.flow();
  }

  write(octets: Uint8Array | string): boolean {
    return this.socket.write(octets, 'latin1');
  }

  /** What is written until the work at hand is done goes out together: one TLS record and one system call. */
  gather(): void {
    if (this.gathering) return;
    this.gathering = true;
    this.socket.cork();
    process.nextTick(() => {
      this.gathering = false;
      this.socket.uncork();
    });
  }

  /** Resolves when what was written has left the buffer, or the connection is lost. */
  drain(): Promise<void> {
    this.watchReader();
    return new Promise((resolve) => {
      this.onDrain = resolve;
    });
  }

  /** The answer is written whole. `last` ends the connection; `unread` says that octets of the body are still coming. */
  finish(last: boolean, unread: boolean): void {
    this.exchange = null;
    if (unread) return this.linger();
    if (last || this.door.closed()) return this.end();
    this.restedAt = this.door.clock.monotonic();
    this.deadline = this.restedAt + keepAliveMilliseconds;
    const rest = this.live.takeRest();
    if (rest > 0) return this.rest(rest);
    if (this.input.length > 0 || this.socket.writableNeedDrain) setImmediate(() => this.next());
  }

  private arrived(chunk: Buffer): void {
    if (this.over) return;
    this.input = this.input.length === 0 ? chunk : Buffer.concat([this.input, chunk]);
    if (this.exchange) this.exchange.arrived();
    else this.next();
    if (this.input.length >= highWaterOctets) this.socket.pause();
  }

  private flow(): void {
    if (!this.resting && this.socket.isPaused() && this.input.length < highWaterOctets) this.socket.resume();
  }

  /** The peer has until then to take what waits in the buffer. */
  private watchReader(): void {
    this.stallsAt = this.door.clock.monotonic() + this.door.patience.stallMilliseconds;
  }

  /** Reads nothing for a while: what the peer sends meanwhile stays with it. */
  private rest(milliseconds: number): void {
    this.socket.pause();
    this.resting = setTimeout(() => {
      this.resting = null;
      this.flow();
      this.next();
    }, milliseconds);
  }

  private drained(): void {
    this.stallsAt = Number.POSITIVE_INFINITY;
    const resolve = this.onDrain;
    this.onDrain = null;
    resolve?.();
    this.next();
  }

  /** Reads the next request when its head is complete and nothing is in its way. */
  private next(): void {
    // A peer that sends requests and reads no answers waits for itself.
    if (
      this.over ||
      this.resting ||
      this.exchange ||
      this.input.length === 0 ||
      this.socket.writableNeedDrain
    )
      return;
    try {
      const request = this.takeRequest();
      if (request !== null) this.begin(request);
    } catch (error) {
      if (!(error instanceof NotHttp)) throw error;
      this.refuse(error);
    }
  }

  /** What stands in the head that has come, or null when it is not complete. Throws NotHttp. */
  private takeRequest(): WireRequest | null {
    const known = this.lastHead.at(this.input);
    if (known) {
      this.pass(this.lastHead.size);
      return known;
    }
    const { input } = this;
    const end = input.indexOf(headEnd, this.searched);
    if (end === -1 ? input.length > maximumHeadOctets : end > maximumHeadOctets) {
      throw new NotHttp('the header section is larger than 16 KiB', 431);
    }
    if (end === -1) {
      // It would never end in a way that we take for the end.
      if (hasBareFeed(input, this.searched)) throw new NotHttp('a line that ends with LF alone');
      if (this.searched === 0) this.deadline = this.door.clock.monotonic() + headMilliseconds;
      this.searched = Math.max(1, input.length - 3);
      return null;
    }
    const size = end + headEnd.length;
    this.pass(size);
    const request = readRequest(input.toString('latin1', 0, size), this.door.oldest);
    if (request.wrong === null) this.lastHead.keep(input.subarray(0, size), request);
    return request;
  }

  /** The head that has come is read. */
  private pass(size: number): void {
    this.searched = 0;
    this.input = size === this.input.length ? nothing : this.input.subarray(size);
    this.flow();
  }

  private begin(request: WireRequest): void {
    this.deadline = Number.POSITIVE_INFINITY;
    const exchange = new WireExchange(request, new BodyReader(request.length), this);
    this.exchange = exchange;
    void this.door.serve(exchange, this.live, request.wrong);
  }

  private refuse(wrong: NotHttp): void {
    this.door.refused('http', this.live.address, wrong.message);
    this.socket.write(unparsedAnswer(wrong));
    this.linger();
  }

  private end(): void {
    this.over = true;
    // Nothing is heard of the buffer after this but the end.
    this.watchReader();
    this.socket.destroySoon();
  }

  /**
   * Ends our side and reads on without looking for a moment: closing at once, with octets unread, would make TCP
   * reset the connection and lose the answer that the peer has not read yet (RFC 9112 §9.6).
   */
  private linger(): void {
    this.over = true;
    this.input = nothing;
    this.socket.end();
    this.socket.resume();
    const timer = setTimeout(() => this.socket.destroy(), lingerMilliseconds);
    this.socket.once('close', () => clearTimeout(timer));
  }

  private lost(): void {
    this.over = true;
    this.input = nothing;
    if (this.resting) clearTimeout(this.resting);
    this.exchange?.lost();
    this.drained();
    this.exchange = null;
  }
}

/** What stands in a head's text; what its fields contradict is told beside it, so that the peer gets to know. */
function readRequest(text: string, oldest?: HttpVersion): WireRequest {
  const { method, target, version, fields } = parseRequestHead(text, oldest);
  try {
    const head = readAddress(target, fields);
    // RFC 9112 §6.1: HTTP/1.0 has no transfer codings; where one stands, somebody else may see another end of the body.
    if (version === '1.0' && head.headers.get('transfer-encoding') !== null)
      throw new NotHttp('a transfer coding in HTTP/1.0');
    return {
      method,
      head,
      length: requestBodyLength(head.headers),
      closes: version === '1.0' || saysClose(head.headers),
      wrong: null,
    };
  } catch (error) {
    if (!(error instanceof NotHttp)) throw error;
    const head = { path: '', query: '', headers: noHeaders };
    return { method, head, length: 0, closes: true, wrong: error };
  }
}

function ignore(): void {}
