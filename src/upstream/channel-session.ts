import { isJsonObject, type Json, type JsonObject } from '../kernel/canonical-json.ts';
import { Fault } from '../kernel/fault.ts';
import type { Inbound, Message } from '../mcp/message.ts';
import type { Channel, ChannelListeners } from './channel.ts';
import { createIdMap, namesRequest } from './id-map.ts';
import type { UpstreamLimits } from './limits.ts';
import { createNewsStream, type NewsStream } from './news-stream.ts';
import { createStdioCall, empty, type StdioCall } from './stdio-call.ts';
import type { UpstreamResponse } from './upstream.ts';

export interface ChannelSessionOptions {
  /** `modern` (2026-07-28): leaving a stream cancels its request, and the server may not ask anything back. */
  readonly era: Inbound['era'];
  readonly limits: UpstreamLimits;
  /** Opens the channel to the server; what it says comes in through the listeners. */
  readonly start: (listeners: ChannelListeners) => Promise<Channel>;
  /** Nobody has waited for anything for too long. */
  readonly onUnused: () => void;
  /** The channel is gone, for whatever reason. */
  readonly onGone: (fault: Fault) => void;
}

/** Opens a channel and the conversation over it. Throws what opening throws. */
export async function openChannelSession(options: ChannelSessionOptions): Promise<ChannelSession> {
  const session = new ChannelSession(options);
  await session.start();
  return session;
}

/** Questions of a server that wait for an answer. */
const mostAsked = 1_000;

/** One caller's conversation with a server over one channel, in the terms of Streamable HTTP. */
export class ChannelSession {
  readonly #options: ChannelSessionOptions;
  readonly #ids = createIdMap<StdioCall>();
  readonly #asked = new Set<Json>();
  readonly #news: NewsStream;
  #channel: Channel | null = null;
  #gone: Fault | null = null;
  #answered = false;
  #timer: NodeJS.Timeout | null = null;
  /** Calls that come to an end by themselves, and who waits for that. */
  #working = 0;
  #quiet = Promise.withResolvers<void>();

  constructor(options: ChannelSessionOptions) {
    this.#options = options;
    this.#news = createNewsStream(options.limits, () => this.#watch());
  }

  async start(): Promise<void> {
    this.#channel = await this.#options.start({
      onMessage: (message) => this.#receive(message),
      onRefused: (id, fault) => this.#refuse(id, fault),
      onGone: (fault) => this.#bury(fault),
    });
    this.#watch();
  }

  /** Whether anybody waits for anything. */
  get busy(): boolean {
    return this.#ids.size > 0 || this.#news.open;
  }

  /** Whether a call is under way that comes to an end by itself. */
  get working(): boolean {
    return this.#working > 0;
  }

  /** Resolves when no such call is under way, or the signal is aborted. */
  async quiet(signal: AbortSignal | null): Promise<void> {
    if (!this.working || signal?.aborted) return;
    const left = Promise.withResolvers<void>();
    signal?.addEventListener('abort', () => left.resolve(), { once: true });
    await Promise.race([this.#quiet.promise, left.promise]);
  }

  /** Whether the server answered any request well. */
  get answered(): boolean {
    return this.#answered;
  }

  /** A POST. Throws Fault `upstream_failed`, `upstream_timeout`, `upstream_garbage` or `upstream_too_large`. */
  async post(inbound: Inbound, signal: AbortSignal): Promise<UpstreamResponse> {
    if (signal.aborted) throw callerGone();
    const asks = inbound.messages.some(({ kind }) => kind === 'request');
    const call = asks ? this.#openCall(inbound, signal) : null;
    try {
      for (const message of inbound.messages) this.#forward(message, call);
    } catch (error) {
      if (call) this.#ids.forget(call);
      call?.finish();
      throw error;
    } finally {
      this.#watch();
    }
    return call ? call.response : empty(202);
  }

  /** A GET: the stream of what belongs to no request. */
  listen(signal: AbortSignal): UpstreamResponse {
    if (this.#gone) throw this.#gone;
    return this.#news.listen(signal);
  }

  async end(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer);
    await this.#channel?.end();
  }

  #openCall(inbound: Inbound, signal: AbortSignal): StdioCall {
    const { limits, era } = this.#options;
    const requests = inbound.messages.filter(({ kind }) => kind === 'request');
    const listening = requests.some(({ method }) => method === 'subscriptions/listen');
    const leave = (): void => {
      // MCP 2025-11-25: a disconnection is not a cancellation. 2026-07-28: it is.
      if (era === 'modern') this.#cancel(call, 'The caller closed the stream.');
      else this.#ids.forget(call);
      call.fail(callerGone());
    };
    const call = createStdioCall({
      requests: requests.length,
      batch: inbound.batch,
      status: era === 'modern' ? modernStatus : () => 200,
      answerMilliseconds: listening ? null : limits.answerMilliseconds,
      limits,
      onSilent: () => {
        this.#cancel(call, 'The gateway gave up waiting.');
        call.fail(
          new Fault('upstream_timeout', `The MCP server was silent for ${limits.answerMilliseconds} ms.`),
        );
      },
      onLeft: leave,
      onOver: () => {
        signal.removeEventListener('abort', leave);
        if (!listening) this.#worked();
        this.#watch();
      },
    });
    if (!listening) this.#working += 1;
    signal.addEventListener('abort', leave, { once: true });
    return call;
  }

  #worked(): void {
    this.#working -= 1;
    if (this.#working > 0) return;
    this.#quiet.resolve();
    this.#quiet = Promise.withResolvers<void>();
  }

  #forward(message: Message, call: StdioCall | null): void {
    const { value, kind, method } = message;
    if (kind === 'request' && call) {
      this.#send(this.#ids.claim(value, call).message);
    } else if (kind === 'response') {
      // Only what the server asked is answered, and once.
      if (this.#asked.delete(value['id'] ?? null)) this.#send(value);
    } else if (method === 'notifications/cancelled') {
      this.#forwardCancellation(value);
    } else {
      this.#send(value);
    }
  }

  #forwardCancellation(value: JsonObject): void {
    const params = isJsonObject(value['params']) ? value['params'] : {};
    const requestId = this.#ids.latest(params['requestId'] ?? null);
    if (requestId === null) return;
    this.#send({ ...value, params: { ...params, requestId } });
    // A cancelled request gets no answer: whoever waits for it is let go.
    this.#ids.settle({ id: requestId })?.request.call.finish();
  }

  #receive(message: JsonObject): void {
    const { era } = this.#options;
    if (typeof message['method'] !== 'string') {
      const settled = this.#ids.settle(message);
      if (!settled) return;
      this.#answered ||= 'result' in message;
      settled.request.call.answer(settled.message);
      this.#watch();
    } else if (message['id'] !== undefined && message['id'] !== null) {
      if (era === 'modern') return this.#refuseQuestion(message['id']);
      this.#asked.add(message['id']);
      const [oldest] = this.#asked;
      if (this.#asked.size > mostAsked && oldest !== undefined) this.#asked.delete(oldest);
      this.#unsolicited(message);
    } else if (namesRequest(message)) {
      const traced = this.#ids.trace(message);
      traced?.request.call.event(traced.message);
    } else {
      this.#unsolicited(message);
    }
  }

  /** A request did not get through to the server; the others of its call are not waited for either. */
  #refuse(id: Json, fault: Fault): void {
    const call = this.#ids.settle({ id })?.request.call;
    if (!call) return;
    this.#cancel(call, 'A request of the same batch was not taken.');
    call.fail(fault);
  }

  /** What names no request: to the open stream; else to whoever waits; else it is kept. */
  #unsolicited(message: JsonObject): void {
    const waiting = [...this.#ids.calls()].at(-1);
    const isQuestion = message['id'] !== undefined;
    // A question most likely belongs to the call that is under way.
    if (waiting && (isQuestion || !this.#news.open)) waiting.event(message);
    else if (this.#options.era === 'legacy') this.#news.tell(message);
  }

  /** MCP 2026-07-28: servers send no requests; input is asked for in results. */
  #refuseQuestion(id: Json): void {
    const error = { code: -32601, message: 'This revision of MCP has no requests from servers.' };
    this.#trySend({ jsonrpc: '2.0', id, error });
  }

  #cancel(call: StdioCall, reason: string): void {
    for (const requestId of this.#ids.forget(call)) {
      this.#trySend({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId, reason } });
    }
  }

  #send(message: JsonObject): void {
    if (this.#gone) throw this.#gone;
    this.#channel?.send(message);
  }

  /** For what nobody waits for: a server that is going away does not need it. */
  #trySend(message: JsonObject): void {
    try {
      this.#send(message);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
    }
  }

  #bury(fault: Fault): void {
    this.#gone = fault;
    if (this.#timer) clearTimeout(this.#timer);
    for (const call of this.#ids.calls()) {
      this.#ids.forget(call);
      call.fail(fault);
    }
    this.#news.end();
    this.#options.onGone(fault);
  }

  #watch(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#gone || this.busy) return;
    this.#timer = setTimeout(() => this.#options.onUnused(), this.#options.limits.unusedMilliseconds);
    this.#timer.unref();
  }
}

function callerGone(): Fault {
  return new Fault('unavailable', 'The caller went away.');
}

/** MCP 2026-07-28, Streamable HTTP: the status of the errors that are told before a method runs. */
function modernStatus(answer: JsonObject): number {
  const error = answer['error'];
  const code = isJsonObject(error) ? error['code'] : null;
  if (code === -32601) return 404;
  return code === -32020 || code === -32021 || code === -32022 ? 400 : 200;
}
