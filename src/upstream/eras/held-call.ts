import { isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import { Fault, toFault } from '../../kernel/fault.ts';
import type { UpstreamLimits } from '../limits.ts';
import type { StdioCall } from '../stdio-call.ts';
import type { ServerSession, SessionCall } from './server-session.ts';
import { isWanted, questions as askable, toModernError, without } from './translate.ts';

/** Where the answer of the moment goes: the request that came last. */
export interface Responder {
  readonly call: StdioCall;
  readonly id: Json;
  readonly logLevel: string | null;
}

export interface HeldCallOptions {
  readonly session: ServerSession;
  readonly takesQuestions: boolean;
  /** What the client said it can be asked for. */
  readonly capabilities: JsonObject;
  /** The caller's own progress token, or null. */
  readonly progressToken: Json;
  readonly limits: UpstreamLimits;
  /** Sends the request to the server; returns its id there. */
  readonly begin: (call: SessionCall) => number;
  readonly translate: (result: JsonObject) => JsonObject;
  /** The state for the next round; whoever brings it back continues this call. */
  readonly stateFor: (round: number) => string;
  readonly onOver: () => void;
}

/** A call at a legacy server that outlives the requests of its modern client: each round is a request of its own. */
export class HeldCall implements SessionCall {
  readonly #options: HeldCallOptions;
  readonly #questions = new Map<string, { readonly id: Json; readonly request: JsonObject }>();
  #responder: Responder | null = null;
  #outcome: JsonObject | Fault | null = null;
  #begun: number | null = null;
  #timer: NodeJS.Timeout | null = null;
  #over = false;
  /** The round whose state is out; a state serves once. */
  round = 0;

  constructor(options: HeldCallOptions) {
    this.#options = options;
  }

  get takesQuestions(): boolean {
    return this.#options.takesQuestions;
  }

  /** Whether a request waits for this call at the moment. */
  get attended(): boolean {
    return this.#responder !== null;
  }

  /** Lets a request wait for what comes next. */
  attend(responder: Responder): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#responder = responder;
    if (this.#begun === null && this.#questions.size === 0) {
      // What the server asked before the call is answered before the call.
      for (const orphan of this.takesQuestions ? this.#options.session.takeOrphans() : []) this.#note(orphan);
      if (this.#questions.size === 0) this.#begun = this.#options.begin(this);
    }
    this.#settle();
  }

  /** Takes what the client brought back; what was not asked for is left out (2026-07-28, MRTR, Error Handling). */
  async take(responses: JsonObject): Promise<void> {
    for (const [key, { id }] of this.#questions) {
      const result = responses[key];
      if (!isJsonObject(result)) continue;
      this.#questions.delete(key);
      await this.#options.session.reply(id, { result: without(result, ['resultType']) });
    }
  }

  /** The client left the request that was waiting, which cancels the call. */
  leave(reason: string): void {
    this.#responder = null;
    this.#finish();
    if (this.#begun !== null) this.#options.session.cancel(this.#begun, reason);
  }

  event(message: JsonObject): void {
    const params = isJsonObject(message['params']) ? message['params'] : {};
    if (message['method'] === 'notifications/progress') {
      const { progressToken } = this.#options;
      if (progressToken !== null) {
        this.#responder?.call.event({ ...message, params: { ...params, progressToken } });
      }
    } else if (this.#responder && isWanted(params['level'], this.#responder.logLevel)) {
      this.#responder.call.event(message);
    }
  }

  question(message: JsonObject): void {
    if (this.#note(message)) this.#settle();
  }

  withdraw(question: Json): void {
    for (const [key, { id }] of this.#questions) if (id === question) this.#questions.delete(key);
  }

  answer(message: JsonObject): void {
    this.#outcome = message;
    this.#settle();
  }

  fail(fault: Fault): void {
    this.#outcome = fault;
    this.#settle();
  }

  /** Keeps a question that the client can be asked; any other is refused to the server at once. */
  #note(message: JsonObject): boolean {
    const method = typeof message['method'] === 'string' ? message['method'] : '';
    const id = message['id'] ?? null;
    const needed = Object.hasOwn(askable, method) ? askable[method] : undefined;
    if (needed === undefined || !isJsonObject(this.#options.capabilities[needed])) {
      const error = { code: -32601, message: `The client cannot be asked for ${method}.` };
      void this.#options.session.reply(id, { error }).catch(() => undefined);
      return false;
    }
    const params = isJsonObject(message['params']) ? message['params'] : null;
    const request = {
      method,
      ...(params ? { params: without(params, ['_meta', 'task', 'elicitationId']) } : {}),
    };
    this.#questions.set(`${this.round}-${this.#questions.size + 1}`, { id, request });
    return true;
  }

  #settle(): void {
    const responder = this.#responder;
    if (!responder) return;
    if (this.#outcome instanceof Fault) {
      this.#finish();
      responder.call.fail(this.#outcome);
    } else if (this.#outcome) {
      this.#finish();
      const { result, error } = this.#outcome;
      const told = isJsonObject(error)
        ? { error: toModernError(error) }
        : { result: this.#options.translate(isJsonObject(result) ? result : {}) };
      responder.call.answer({ jsonrpc: '2.0', id: responder.id, ...told });
    } else if (this.#questions.size > 0) {
      this.#ask(responder);
    }
  }

  #ask(responder: Responder): void {
    const { limits, stateFor } = this.#options;
    if (this.round >= limits.inputRounds) {
      responder.call.fail(
        new Fault('limit_reached', `The MCP server asked more than ${limits.inputRounds} times.`),
      );
      return this.leave('The server asks too often.');
    }
    this.round += 1;
    this.#responder = null;
    this.#timer = setTimeout(() => this.leave('The client did not come back.'), limits.inputMilliseconds);
    this.#timer.unref();
    const inputRequests = Object.fromEntries(
      [...this.#questions].map(([key, { request }]) => [key, request]),
    );
    const result = { resultType: 'input_required', inputRequests, requestState: stateFor(this.round) };
    responder.call.answer({ jsonrpc: '2.0', id: responder.id, result });
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#responder = null;
    if (this.#timer) clearTimeout(this.#timer);
    for (const { id } of this.#questions.values()) {
      const error = { code: -32800, message: 'The call that asked is over.' };
      void this.#options.session.reply(id, { error }).catch(toFault);
    }
    this.#questions.clear();
    this.#options.onOver();
  }
}
