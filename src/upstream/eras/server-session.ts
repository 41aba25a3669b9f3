import { isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import { Fault, toFault } from '../../kernel/fault.ts';
import type { UpstreamLimits } from '../limits.ts';
import type { Upstream } from '../upstream.ts';
import { openSession } from './open-session.ts';
import { createSessionWire, type SessionWire } from './session-wire.ts';

/** One request under way in a session, and where what comes of it goes. */
export interface SessionCall {
  /** Whether the server may ask the caller for something meanwhile. */
  readonly takesQuestions: boolean;
  event(message: JsonObject): void;
  question(message: JsonObject): void;
  /** The server takes a question back. */
  withdraw(question: Json): void;
  answer(message: JsonObject): void;
  fail(fault: Fault): void;
}

export interface ServerSessionOptions {
  readonly inner: Upstream;
  /** Whose session it is; nobody else ever uses it (law 5). */
  readonly caller: string;
  readonly capabilities: JsonObject;
  readonly info: JsonObject | null;
  readonly limits: UpstreamLimits;
}

/** A session of the legacy era that the gateway keeps with a server on behalf of one caller. */
export class ServerSession {
  readonly #options: ServerSessionOptions;
  readonly #calls = new Map<number, SessionCall>();
  readonly #listeners = new Set<(notification: JsonObject) => void>();
  readonly #wire: SessionWire;
  /** Questions that belong to no call: roots may be asked for right after the handshake. */
  #orphans: JsonObject[] = [];
  #lastId = 0;
  /** What the server answered to `initialize`. */
  readonly initialized: JsonObject;
  logLevel: string | null = null;

  constructor(options: ServerSessionOptions, opened: Awaited<ReturnType<typeof openSession>>) {
    this.#options = options;
    const { inner, caller, limits } = options;
    const onLost = (fault: Fault): void => this.#fail(fault);
    this.#wire = createSessionWire(opened, { inner, caller, limits, onLost });
    this.initialized = opened.result;
  }

  static async open(options: ServerSessionOptions): Promise<ServerSession> {
    const session = new ServerSession(options, await openSession(options));
    await session.#wire.follow((message) => session.#receive(message, null, null));
    return session;
  }

  get gone(): boolean {
    return this.#wire.over.aborted;
  }

  get busy(): boolean {
    return this.#calls.size > 0 || this.#listeners.size > 0;
  }

  /** Questions that came before any call; whoever takes them answers them. */
  takeOrphans(): readonly JsonObject[] {
    const orphans = this.#orphans;
    this.#orphans = [];
    return orphans;
  }

  /** Sends a request; returns its id here. Everything that comes of it goes to the call. */
  call(method: string, params: (id: number) => JsonObject, call: SessionCall): number {
    const id = ++this.#lastId;
    this.#calls.set(id, call);
    const request = { jsonrpc: '2.0', id, method, params: params(id) };
    const isOpen = (): boolean => this.#calls.has(id);
    this.#wire
      .converse(request, isOpen, (message) => this.#receive(message, call, id))
      .catch((error: unknown) => {
        if (this.#calls.delete(id)) call.fail(toFault(error));
      });
    return id;
  }

  /** Sends a request of the session itself and returns its result. */
  async ask(method: string, params: JsonObject): Promise<JsonObject> {
    const { promise, resolve, reject } = Promise.withResolvers<JsonObject>();
    const ignore = (): void => undefined;
    const id = this.call(method, () => params, {
      takesQuestions: false,
      event: ignore,
      question: ignore,
      withdraw: ignore,
      answer: resolve,
      fail: reject,
    });
    const timer = setTimeout(() => {
      this.#calls.delete(id);
      reject(new Fault('upstream_timeout', `The MCP server did not answer ${method} in time.`));
    }, this.#options.limits.handshakeMilliseconds);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /** MCP 2025-11-25, Cancellation. */
  cancel(id: number, reason: string): void {
    if (!this.#calls.delete(id)) return;
    const cancelled = {
      jsonrpc: '2.0',
      method: 'notifications/cancelled',
      params: { requestId: id, reason },
    };
    // A server that is gone needs no word.
    void this.#wire.tell(cancelled).catch(() => undefined);
  }

  async reply(
    question: Json,
    outcome: { readonly result: JsonObject } | { readonly error: JsonObject },
  ): Promise<void> {
    await this.#wire.tell({ jsonrpc: '2.0', id: question, ...outcome });
  }

  hear(listener: (notification: JsonObject) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  async end(): Promise<void> {
    if (this.gone) return;
    this.#fail(new Fault('unavailable', 'The session with the MCP server was ended.'));
    await this.#wire.end();
  }

  #receive(message: JsonObject, origin: SessionCall | null, id: number | null): void {
    const { method } = message;
    if (typeof method !== 'string') return this.#settle(message, id);
    if (message['id'] !== undefined && message['id'] !== null) return this.#question(message, origin);
    const params = isJsonObject(message['params']) ? message['params'] : {};
    switch (method) {
      case 'notifications/progress':
        return this.#calls.get(Number(params['progressToken']))?.event(message);
      case 'notifications/message':
        return (origin ?? this.#onlyCall())?.event(message);
      case 'notifications/cancelled':
        for (const call of this.#calls.values()) call.withdraw(params['requestId'] ?? null);
        return;
      default:
        for (const listener of this.#listeners) listener(message);
    }
  }

  #settle(message: JsonObject, id: number | null): void {
    // A refusal of the transport names no request; it answers the POST that it came for.
    const named = typeof message['id'] === 'number' ? message['id'] : id;
    const call = named === null ? undefined : this.#calls.get(named);
    if (named === null || !call) return;
    this.#calls.delete(named);
    call.answer(message);
  }

  #question(message: JsonObject, origin: SessionCall | null): void {
    const id = message['id'] ?? null;
    if (message['method'] === 'ping') return void this.reply(id, { result: {} }).catch(() => undefined);
    const call = origin?.takesQuestions ? origin : this.#onlyCall();
    if (call) return call.question(message);
    if (message['method'] === 'roots/list' && this.#calls.size === 0 && this.#orphans.length < mostOrphans) {
      this.#orphans.push(message);
      return;
    }
    const error = {
      code: -32600,
      message: 'It cannot be told which call of the client this question belongs to.',
    };
    void this.reply(id, { error }).catch(() => undefined);
  }

  /** The call that something without a name must belong to; null when there are several that could be meant. */
  #onlyCall(): SessionCall | null {
    const calls = [...this.#calls.values()].filter((call) => call.takesQuestions);
    return calls.length === 1 ? (calls[0] ?? null) : null;
  }

  #fail(fault: Fault): void {
    if (this.gone) return;
    this.#wire.cut();
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    for (const call of calls) call.fail(fault);
    for (const listener of this.#listeners) listener({ method: sessionEnded });
    this.#listeners.clear();
  }
}

/** What listeners hear last; no method of MCP has this name. */
export const sessionEnded = 'countersign/sessionEnded';

const mostOrphans = 8;
