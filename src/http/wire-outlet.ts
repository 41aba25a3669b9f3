import type { Socket } from 'node:net';
import { rememberedForFrozen } from '../kernel/remembered-for.ts';
import { type BodyLength, responseBodyLength } from '../wire/body-length.ts';
import { BodyReader } from '../wire/body-reader.ts';
import { fieldLines, headEnd, maximumHeadOctets } from '../wire/field-lines.ts';
import { gatherHeaders, type Headers, saysClose } from '../wire/headers.ts';
import { KnownHead } from '../wire/known-head.ts';
import { NotHttp } from '../wire/not-http.ts';
import { writeRequestLine } from '../wire/request-head.ts';
import { parseResponseHead } from '../wire/response-head.ts';
import { ExchangeFailure } from './failure.ts';
import type { OutgoingRequest } from './outgoing.ts';
import type { WireSending } from './wire-sending.ts';
import { joinedMessage } from './written-head.ts';

const nothing = Buffer.alloc(0);
/** Bodies up to so many octets are copied behind their head. */
const largestJoined = 64 * 1024;

/** Fields that say where a request goes and ends: nobody else writes them. */
const ownFields = new Set(['host', 'content-length', 'transfer-encoding', 'connection']);

/** One connection to a server, for one request after another. */
export class WireOutlet {
  /** Monotonic milliseconds until which it may be used again. */
  idleUntil = 0;
  private readonly socket: Socket;
  private readonly host: string;
  /** Called when the connection may carry the next request; the time its server keeps it open, in milliseconds. */
  private readonly onFree: (outlet: WireOutlet, keptMilliseconds: number) => void;
  private sending: WireSending | null = null;
  private reader: BodyReader | null = null;
  /** How long the connection is kept after the answer under way; 0 when it is not. */
  private kept = 0;
  private input: Buffer = nothing;
  private readonly lastHead = new KnownHead<AnswerHead>();
  private heardAnything = false;

  constructor(socket: Socket, host: string, onFree: WireOutlet['onFree']) {
    this.socket = socket;
    this.host = host;
    this.onFree = onFree;
    // A socket that reads into a buffer of its owner emits none; its owner calls `arrived`.
    socket.on('data', (chunk: Buffer) => this.arrived(chunk));
    socket.on('error', (error) => this.sending?.fail(error));
    socket.on('close', () => this.lost());
  }

  get usable(): boolean {
    return this.sending === null && this.socket.writable && !this.socket.destroyed;
  }

  /** Writes a request. The connection is open and carries no other. */
  carry(sending: WireSending): void {
    this.sending = sending;
    sending.carriedBy(this);
    if (this.socket.destroyed) return this.lost();
    try {
      this.write(sending.request);
    } catch (error) {
      // Not an octet was written, and the next request may be a better one; but a connection costs less than a doubt.
      sending.fail(error);
      return this.destroy();
    }
    sending.sent();
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    if (this.socket.isPaused()) this.socket.resume();
  }

  destroy(): void {
    this.socket.destroy();
  }

  private write({ method, target, headers, body }: OutgoingRequest): void {
    const start = this.startOf(method, target, headers);
    const rest = body === null ? '\r\n' : `content-length: ${body.length}\r\n\r\n`;
    if (body === null || body.length <= largestJoined) {
      this.socket.write(joinedMessage(start, rest, body ?? nothing));
    } else {
      this.socket.cork();
      this.socket.write(joinedMessage(start, rest, nothing));
      this.socket.write(body);
      this.socket.uncork();
    }
  }

  /** A head up to what is said of the body. Throws TypeError for what cannot be sent. */
  private startOf(method: string, target: string, headers: OutgoingRequest['headers']): Uint8Array {
    const { host } = this;
    const fields = foreignFields(headers);
    const { last } = fields;
    if (last?.method === method && last.target === target && last.host === host) return last.octets;
    const head = `${writeRequestLine(method, target)}host: ${host}\r\n${fields.lines}`;
    const octets = Buffer.from(head, 'latin1');
    fields.last = { method, target, host, octets };
    return octets;
  }

  /** Octets came; they are kept, so nobody writes over them. */
  arrived(chunk: Buffer): void {
    this.heardAnything = true;
    const { sending } = this;
    // Nothing was asked, so what comes would be taken for the answer to the next request.
    if (!sending) return this.destroy();
    this.input = this.input.length === 0 ? chunk : Buffer.concat([this.input, chunk]);
    try {
      this.read(sending);
    } catch (error) {
      sending.fail(
        error instanceof NotHttp ? new ExchangeFailure('garbage', 'its answer is not HTTP', error) : error,
      );
      this.destroy();
    }
  }

  private read(sending: WireSending): void {
    while (!this.reader) if (!this.readHead(sending)) return;
    sending.heard();
    const { input } = this;
    this.input = nothing;
    const taken = this.reader.take(input, (piece) => sending.piece(piece));
    if (this.reader.ended) this.free(sending, taken === input.length);
  }

  /** Whether a head was complete. Throws NotHttp. */
  private readHead(sending: WireSending): boolean {
    // What a head says of its body depends on the method.
    const known = sending.request.method === 'HEAD' ? null : this.lastHead.at(this.input);
    if (known) {
      this.input = this.input.subarray(this.lastHead.size);
      this.begin(sending, known);
      return true;
    }
    const end = this.input.indexOf(headEnd);
    if (end === -1 ? this.input.length > maximumHeadOctets : end > maximumHeadOctets) {
      throw new NotHttp('the header section is larger than 16 KiB');
    }
    if (end === -1) return false;
    const size = end + headEnd.length;
    const octets = this.input.subarray(0, size);
    this.input = this.input.subarray(size);
    const head = readAnswerHead(octets.toString('latin1'), sending.request.method);
    if (head === null) return true;
    if (sending.request.method !== 'HEAD') this.lastHead.keep(octets, head);
    this.begin(sending, head);
    return true;
  }

  private begin(sending: WireSending, head: AnswerHead): void {
    this.kept = head.kept;
    this.reader = new BodyReader(head.length);
    sending.answered(head.status, head.headers);
  }

  private free(sending: WireSending, exact: boolean): void {
    this.sending = null;
    this.reader = null;
    // The request may still be on its way out when a server answers early; more than the answer is a desync.
    const reusable = this.kept > 0 && exact && this.socket.writableLength === 0;
    if (reusable) {
      this.resume();
      this.onFree(this, this.kept);
    } else {
      this.destroy();
    }
    sending.ended();
  }

  private lost(): void {
    const { sending, reader } = this;
    this.sending = null;
    if (!sending) return;
    if (reader?.close()) return sending.ended();
    // With TLS 1.3 a server refuses a client certificate after the client takes the handshake for done.
    const why = this.heardAnything ? '' : ' without a word; it may not accept our certificate';
    sending.fail(new ExchangeFailure('broken', `it ended the connection${why}`));
  }
}

/** Fields of a request that are not the connection's own. */
interface ForeignFields {
  readonly lines: string;
  /** The head that was last written with them, up to what is said of the body. */
  last: (Pick<OutgoingRequest, 'method' | 'target'> & { host: string; octets: Uint8Array }) | null;
}

/** Throws TypeError for a field that is not the caller's to write. */
const foreignFields = rememberedForFrozen((headers: OutgoingRequest['headers']): ForeignFields => {
  for (const name of Object.keys(headers)) {
    if (ownFields.has(name.toLowerCase())) throw new TypeError(`the header ${name} is the connection's own`);
  }
  return { lines: fieldLines(headers), last: null };
});

/** What the head of an answer says. */
interface AnswerHead {
  readonly status: number;
  readonly headers: Headers;
  readonly length: BodyLength;
  /** How long the connection is kept behind it, in milliseconds; 0 when it is not. */
  readonly kept: number;
}

/** Null for an interim answer, which is passed over. Throws NotHttp. */
function readAnswerHead(text: string, method: string): AnswerHead | null {
  const { version, status, fields } = parseResponseHead(text);
  if (status === 101) throw new NotHttp('a change of protocol that nobody asked for');
  const headers = gatherHeaders(fields);
  // RFC 9110 §15.2: interim answers come before the one that counts.
  if (status < 200) {
    refuseInterimFraming(version, headers);
    return null;
  }
  // RFC 9112 §6.1: in HTTP/1.0 that is faulty framing.
  if (version === '1.0' && headers.get('transfer-encoding') !== null) {
    throw new NotHttp('a Transfer-Encoding in HTTP/1.0');
  }
  const length = responseBodyLength(status, headers, method === 'HEAD');
  // The head of an answer to HEAD describes a body that does not come: too easily misread to go on behind it.
  const last = version === '1.0' || length === 'until-close' || method === 'HEAD';
  return { status, headers, length, kept: last ? 0 : keptMilliseconds(headers) };
}

/** An interim answer has no body and is not the last (RFC 9110 §15.2, §8.6): one that says otherwise is read in two ways. */
function refuseInterimFraming(version: string, headers: Headers): void {
  const framed = headers.get('content-length') !== null || headers.get('transfer-encoding') !== null;
  // HTTP/1.0 has none, and ends the connection behind every answer.
  if (framed || version === '1.0' || saysClose(headers))
    throw new NotHttp('an interim answer with a body or an end');
}

/** How long a server that does not say is taken to keep a connection, and the longest that one is believed. */
const assumedMilliseconds = 4_000;
const longestMilliseconds = 60_000;

/** 0 when the connection ends with this answer (RFC 9112 §9.3, §9.6). */
function keptMilliseconds(headers: Headers): number {
  if (saysClose(headers)) return 0;
  const hint = /(?:^|[ ,;])timeout=(\d{1,6})/i.exec(headers.get('keep-alive') ?? '')?.[1];
  if (hint === undefined) return assumedMilliseconds;
  // A second less, so that we are the one that closes.
  return Math.min(longestMilliseconds, Math.max(0, Number(hint) - 1) * 1_000);
}
