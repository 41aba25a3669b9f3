import { isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import { Fault, toFault } from '../../kernel/fault.ts';
import type { Inbound, Message } from '../../mcp/message.ts';
import type { ToolParameters } from '../../mcp/tool-parameters.ts';
import type { UpstreamLimits } from '../limits.ts';
import { createStdioCall, empty, type StdioCall } from '../stdio-call.ts';
import type { Upstream, UpstreamResponse } from '../upstream.ts';
import { createClientNews, type ClientNews } from './client-news.ts';
import { createClientQuestions } from './client-questions.ts';
import { type ClientClaims, modernPost, modernRequest } from './modern-request.ts';
import { readMessages } from './read-messages.ts';
import { carried, isLevel, toLegacyResult, without } from './translate.ts';

export interface ClientSessionOptions {
  readonly inner: Upstream;
  /** Whose session it is; nobody else finds it (law 5). */
  readonly caller: string;
  readonly info: JsonObject | null;
  readonly capabilities: JsonObject;
  /** What the server answered to `server/discover`. */
  readonly discovered: JsonObject;
  readonly parameters: ToolParameters;
  readonly limits: UpstreamLimits;
}

type Told = { readonly result: JsonObject } | { readonly error: JsonObject };

/** The session of a legacy client whose server has none: what the modern era repeats per request is kept here. */
export class ClientSession {
  readonly #options: ClientSessionOptions;
  readonly #running = new Map<Json, AbortController>();
  readonly #questions;
  readonly #news: ClientNews;
  #lastId = 0;
  #logLevel: string | null = null;

  constructor(options: ClientSessionOptions) {
    this.#options = options;
    this.#questions = createClientQuestions(options.capabilities, options.limits);
    this.#news = createClientNews({ ...options, claims: () => this.#claims(), nextId: () => this.#nextId() });
  }

  get busy(): boolean {
    return this.#running.size > 0 || this.#news.open;
  }

  /** A POST. Throws the faults of the server, and `era_not_bridged`. */
  async post(inbound: Inbound, signal: AbortSignal): Promise<UpstreamResponse> {
    const requests = inbound.messages.filter(({ kind }) => kind === 'request');
    for (const message of inbound.messages) if (message.kind !== 'request') this.#hear(message);
    if (requests.length === 0) return empty(202);
    const { limits } = this.#options;
    const stop = new AbortController();
    const leave = (): void => {
      // No event here has an id, so nobody could ever take the answer up again.
      stop.abort();
      call.fail(new Fault('unavailable', 'The caller went away.'));
    };
    const call: StdioCall = createStdioCall({
      requests: requests.length,
      batch: inbound.batch,
      status: () => 200,
      answerMilliseconds: limits.answerMilliseconds,
      limits,
      onSilent: () => {
        stop.abort();
        call.fail(
          new Fault('upstream_timeout', `The MCP server was silent for ${limits.answerMilliseconds} ms.`),
        );
      },
      onLeft: leave,
      onOver: () => signal.removeEventListener('abort', leave),
    });
    signal.addEventListener('abort', leave, { once: true });
    if (signal.aborted) leave();
    for (const message of requests)
      void this.#run(message, call, { batch: inbound.batch, stop: stop.signal });
    return await call.response;
  }

  /** A GET: the stream of what belongs to no request. */
  listen(signal: AbortSignal): UpstreamResponse {
    return this.#news.listen(signal);
  }

  end(): void {
    for (const running of this.#running.values()) running.abort();
    this.#news.end();
    this.#questions.end();
  }

  async #run(
    message: Message,
    call: StdioCall,
    how: { readonly batch: boolean; readonly stop: AbortSignal },
  ): Promise<void> {
    const cancelled = new AbortController();
    this.#running.set(message.id, cancelled);
    try {
      const told = await this.#serve(message, call, AbortSignal.any([how.stop, cancelled.signal]));
      call.answer({ jsonrpc: '2.0', id: message.id, ...told });
    } catch (error) {
      const fault = toFault(error);
      // MCP 2025-11-25, Cancellation: what was cancelled is not answered.
      if (cancelled.signal.aborted && !how.batch) call.finish();
      else if (!how.batch) call.fail(fault);
      else call.answer({ jsonrpc: '2.0', id: message.id, error: errorOf(fault) });
    } finally {
      if (this.#running.get(message.id) === cancelled) this.#running.delete(message.id);
    }
  }

  async #serve(message: Message, call: StdioCall, signal: AbortSignal): Promise<Told> {
    const { method, params } = message;
    switch (method) {
      case 'ping':
        return { result: {} };
      case 'logging/setLevel':
        if (!isLevel(params['level']))
          return { error: { code: -32602, message: 'There is no such log level.' } };
        this.#logLevel = params['level'];
        return { result: {} };
      case 'resources/subscribe':
      case 'resources/unsubscribe':
        this.#news.subscribe(params['uri'] ?? null, method === 'resources/subscribe');
        return { result: {} };
      default:
        if (method !== null && carried.has(method)) return await this.#carry(method, params, call, signal);
        throw notBridged(
          `${method} has no counterpart in the revision that server ${this.#options.inner.name} speaks.`,
        );
    }
  }

  /** One call of the client, in as many rounds as the server needs (MCP 2026-07-28, MRTR). */
  async #carry(method: string, given: JsonObject, call: StdioCall, signal: AbortSignal): Promise<Told> {
    const { limits, parameters } = this.#options;
    const params = without(given, ['task', 'inputResponses', 'requestState']);
    let brought: JsonObject = {};
    for (let round = 0; round <= limits.inputRounds; round++) {
      const told = await this.#ask(method, { ...params, ...brought }, call, signal);
      if ('error' in told) return told;
      const { result } = told;
      switch (result['resultType'] ?? 'complete') {
        case 'complete':
          if (method === 'tools/list') parameters.learn(result);
          return { result: toLegacyResult(result) };
        case 'input_required':
          brought = await this.#questions.gather(result, call, signal);
          break;
        default:
          throw notBridged(`The result of ${method} is of a kind that the client's revision does not have.`);
      }
    }
    throw new Fault('limit_reached', `The MCP server asked more than ${limits.inputRounds} times.`);
  }

  async #ask(method: string, params: JsonObject, call: StdioCall, signal: AbortSignal): Promise<Told> {
    const first = await this.#exchange(method, params, call, signal);
    const mismatch = 'error' in first && first.error['code'] === -32020;
    const tool = params['name'];
    if (!mismatch || method !== 'tools/call' || typeof tool !== 'string') return first;
    // The headers repeat arguments as the tool's definition says, and the client never asked for it. The call did not run.
    const listed = await this.#exchange('tools/list', {}, call, signal);
    if ('error' in listed) return first;
    this.#options.parameters.learn(listed.result);
    return await this.#exchange(method, params, call, signal);
  }

  async #exchange(method: string, params: JsonObject, call: StdioCall, signal: AbortSignal): Promise<Told> {
    const { inner, caller, parameters } = this.#options;
    const value = modernRequest({ id: this.#nextId(), method, params }, this.#claims());
    const { name, arguments: args } = params;
    const mirrored =
      method === 'tools/call' && typeof name === 'string'
        ? parameters.headers(name, isJsonObject(args) ? args : {})
        : {};
    const response = await inner.send(modernPost(value, { caller, signal }, mirrored));
    for await (const message of readMessages(response)) {
      if (typeof message['method'] === 'string') {
        if (message['id'] === undefined) call.event(message);
      } else if (isJsonObject(message['error'])) {
        return { error: message['error'] };
      } else if (isJsonObject(message['result'])) {
        return { result: message['result'] };
      }
    }
    throw new Fault('upstream_failed', `The MCP server ended its answer early (HTTP ${response.status}).`);
  }

  #hear(message: Message): void {
    if (message.kind === 'response') this.#questions.settle(message.value);
    else if (message.method === 'notifications/cancelled') {
      this.#running.get(message.params['requestId'] ?? null)?.abort();
    }
    // The others tell a session something, and the server has none: roots, for one, are asked for each time.
  }

  #claims(): ClientClaims {
    const { info, capabilities } = this.#options;
    return { info, capabilities, logLevel: this.#logLevel };
  }

  #nextId(): number {
    return ++this.#lastId;
  }
}

function notBridged(detail: string): Fault {
  return new Fault('era_not_bridged', detail);
}

function errorOf(fault: Fault): JsonObject {
  return { code: -32603, message: fault.message, data: { code: fault.code } };
}
