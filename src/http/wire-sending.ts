import type { Clock } from '../kernel/clock.ts';
import type { Headers } from '../wire/headers.ts';
import { AnswerBody, type BodySource } from './answer-body.ts';
import type { Deadlines, Overdue } from './deadlines.ts';
import { ExchangeFailure } from './failure.ts';
import type { Answer, OutgoingRequest, Sending } from './outgoing.ts';
import type { WireOutlet } from './wire-outlet.ts';

/** One request on its way and what has come of its answer. */
export class WireSending implements Sending, Overdue, BodySource {
  readonly request: OutgoingRequest;
  readonly answer: Promise<Answer>;
  private readonly resolve: (answer: Answer) => void;
  private readonly reject: (error: unknown) => void;
  private readonly signal: AbortSignal;
  private readonly onAbort: () => void;
  private outlet: WireOutlet | null = null;
  private body: AnswerBody | null = null;
  private readonly time: SendingTime;
  /** How long the server may be silent from now on, and what it then failed to do. */
  private patience = 0;
  private missed = '';
  deadline = Number.POSITIVE_INFINITY;
  private over = false;

  constructor(request: OutgoingRequest, signal: AbortSignal, time: SendingTime) {
    this.request = request;
    this.time = time;
    this.signal = signal;
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    this.answer = promise;
    this.resolve = resolve;
    this.reject = reject;
    this.onAbort = () => this.abort(reasonOf(signal));
    if (signal.aborted) this.onAbort();
    else signal.addEventListener('abort', this.onAbort, { once: true });
  }

  get isOver(): boolean {
    return this.over;
  }

  abort(reason: Error): void {
    this.fail(reason);
    this.outlet?.destroy();
  }

  /** The connection that carries it. */
  carriedBy(outlet: WireOutlet): void {
    this.outlet = outlet;
  }

  /** The request is written; its answer is waited for. */
  sent(): void {
    this.watch(this.request.answerMilliseconds, 'it did not begin to answer in time');
  }

  answered(status: number, headers: Headers): void {
    this.watch(this.request.idleMilliseconds, 'it went silent in the middle of its answer');
    this.body = new AnswerBody(this);
    this.resolve(new WireAnswer(status, headers, this.body));
  }

  pause(): void {
    this.outlet?.pause();
  }

  resume(): void {
    this.outlet?.resume();
  }

  leave(reason: Error): void {
    this.abort(reason);
  }

  piece(octets: Uint8Array): void {
    this.body?.push(octets);
  }

  /** Something was heard. */
  heard(): void {
    if (this.patience > 0) this.deadline = this.time.clock.monotonic() + this.patience;
  }

  ended(): void {
    if (this.settle()) this.body?.end();
  }

  fail(error: unknown): void {
    if (!this.settle()) return;
    this.reject(error);
    this.body?.fail(error);
  }

  private settle(): boolean {
    if (this.over) return false;
    this.over = true;
    this.time.deadlines.forget(this);
    this.signal.removeEventListener('abort', this.onAbort);
    return true;
  }

  private watch(milliseconds: number, missed: string): void {
    this.patience = milliseconds;
    this.missed = missed;
    this.deadline =
      milliseconds === 0 ? Number.POSITIVE_INFINITY : this.time.clock.monotonic() + milliseconds;
    this.time.deadlines.watch(this);
  }

  expire(): void {
    this.abort(new ExchangeFailure('timeout', this.missed));
  }
}

class WireAnswer implements Answer {
  readonly status: number;
  readonly headers: Headers;
  private readonly body: AnswerBody;

  constructor(status: number, headers: Headers, body: AnswerBody) {
    this.status = status;
    this.headers = headers;
    this.body = body;
  }

  whole(limit: number): Promise<Uint8Array> {
    return this.body.whole(limit);
  }

  pieces(): AsyncIterable<Uint8Array> {
    return this.body.pieces();
  }
}

/** The time that the sendings of one pool share. */
export interface SendingTime {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
}

function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error('aborted', { cause: signal.reason });
}
