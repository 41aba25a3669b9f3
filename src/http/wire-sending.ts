import { AnswerBody } from './answer-body.ts';
import { ExchangeFailure } from './failure.ts';
import type { Answer, OutgoingRequest, Sending } from './outgoing.ts';
import type { Headers } from '../wire/headers.ts';
import type { WireOutlet } from './wire-outlet.ts';

/** One request on its way and what has come of its answer. */
export class WireSending implements Sending {
  readonly request: OutgoingRequest;
  readonly answer: Promise<Answer>;
  private readonly resolve: (answer: Answer) => void;
  private readonly reject: (error: unknown) => void;
  private readonly signal: AbortSignal;
  private readonly onAbort: () => void;
  private outlet: WireOutlet | null = null;
  private body: AnswerBody | null = null;
  private timer: NodeJS.Timeout | null = null;
  private over = false;

  constructor(request: OutgoingRequest, signal: AbortSignal) {
    this.request = request;
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
    const body = new AnswerBody({
      pause: () => this.outlet?.pause(),
      resume: () => this.outlet?.resume(),
      leave: (reason) => this.abort(reason),
    });
    this.body = body;
    this.resolve({ status, headers, whole: (limit) => body.whole(limit), pieces: () => body.pieces() });
  }

  piece(octets: Uint8Array): void {
    this.body?.push(octets);
  }

  /** Something was heard. */
  heard(): void {
    this.timer?.refresh();
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
    if (this.timer) clearTimeout(this.timer);
    this.signal.removeEventListener('abort', this.onAbort);
    return true;
  }

  private watch(milliseconds: number, what: string): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer =
      milliseconds === 0
        ? null
        : setTimeout(() => this.abort(new ExchangeFailure('timeout', what)), milliseconds);
  }
}

function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error('aborted', { cause: signal.reason });
}
