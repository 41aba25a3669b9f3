import type { Answer, OutgoingPool, OutgoingRequest } from '../http/outgoing.ts';
import { utf8 } from '../kernel/bytes.ts';
import type { JsonObject } from '../kernel/canonical-json.ts';
import { Fault } from '../kernel/fault.ts';
import { createSseDecoder } from '../mcp/sse.ts';
import type { Channel, ChannelListeners } from './channel.ts';
import type { UpstreamLimits } from './limits.ts';
import { messagesIn } from './messages-in.ts';
import { readSseEndpoint } from './sse-endpoint.ts';

export interface SseChannelOptions extends ChannelListeners {
  /** For messages. */
  readonly name: string;
  /** Where the stream is opened. */
  readonly url: URL;
  readonly pool: () => Promise<OutgoingPool>;
  /** Makes an exchange with the credentials of the server's definition. */
  readonly credentialed: (
    signal: AbortSignal,
    call: (credentials: Readonly<Record<string, string>> | null) => Promise<Answer>,
  ) => Promise<Answer>;
  /** Reads what an exchange failed with. */
  readonly faultOf: (error: unknown) => Fault;
  readonly limits: UpstreamLimits;
  readonly log: (line: string) => void;
}

/**
 * Opens the event stream of an HTTP+SSE server (MCP 2024-11-05) and waits for the endpoint that messages are posted
 * to. The session is the stream: when it ends, so does the channel. Throws the faults of an upstream.
 */
export async function openSseChannel(options: SseChannelOptions): Promise<Channel> {
  const channel = new SseChannel(options);
  await channel.open();
  return channel;
}

/** What a server may answer to a POST besides its status; nobody looks at it. */
const largestReceipt = 64 * 1024;

class SseChannel implements Channel {
  readonly #options: SseChannelOptions;
  readonly #over = new AbortController();
  readonly #endpoint = Promise.withResolvers<string>();
  #target: string | null = null;
  #fault: Fault | null = null;
  #reading: Promise<void> = Promise.resolve();
  /** Settled when everything was taken that must not be overtaken. */
  #ordered: Promise<void> = Promise.resolve();
  #unsentOctets = 0;
  #garbage = 0;

  constructor(options: SseChannelOptions) {
    this.#options = options;
    this.#endpoint.promise.catch(() => undefined);
  }

  async open(): Promise<void> {
    const { name, limits } = this.#options;
    const patience = setTimeout(() => {
      const detail = `MCP server ${name} did not open its stream in ${limits.handshakeMilliseconds} ms.`;
      this.#condemn(new Fault('upstream_timeout', detail));
    }, limits.handshakeMilliseconds);
    try {
      const stream = await this.#get();
      this.#reading = this.#follow(stream);
      this.#target = await this.#endpoint.promise;
    } catch (error) {
      const fault = this.#fault ?? this.#options.faultOf(error);
      this.#condemn(fault);
      throw fault;
    } finally {
      clearTimeout(patience);
    }
  }

  send(message: JsonObject): void {
    if (this.#fault) throw this.#fault;
    const octets = utf8(JSON.stringify(message));
    if (this.#unsentOctets > 2 * this.#options.limits.messageBytes) {
      const deaf = new Fault(
        'upstream_failed',
        `MCP server ${this.#options.name} does not take what it is sent.`,
      );
      this.#condemn(deaf);
      throw deaf;
    }
    this.#unsentOctets += octets.length;
    const taken = this.#ordered.then(() => this.#post(message, octets));
    // Requests may take long to be taken and wait for nothing; what follows a notification or an answer builds on it.
    if (!isRequest(message)) this.#ordered = taken;
  }

  async end(): Promise<void> {
    this.#condemn(new Fault('upstream_failed', `The stream of MCP server ${this.#options.name} was ended.`));
    await this.#reading;
  }

  async #get(): Promise<Answer> {
    const { url, limits, name } = this.#options;
    const answer = await this.#exchange({
      method: 'GET',
      target: url.pathname + url.search,
      headers: { accept: 'text/event-stream' },
      body: null,
      answerMilliseconds: limits.answerMilliseconds,
      // What waits for news may be silent for long.
      idleMilliseconds: 0,
    });
    if (answer.status !== 200) throw refusal(name, answer.status, 'the opening of its stream');
    const type = (answer.headers.get('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase();
    if (type !== 'text/event-stream') {
      throw new Fault('upstream_garbage', `MCP server ${name} does not answer with an event stream.`);
    }
    return answer;
  }

  #exchange(request: OutgoingRequest): Promise<Answer> {
    const { pool, credentialed } = this.#options;
    return credentialed(this.#over.signal, async (credentials) => {
      const headers = { ...request.headers, ...credentials };
      return await (await pool()).send({ ...request, headers }, this.#over.signal).answer;
    });
  }

  /** Reads the stream to its end, which is the end of the session. */
  async #follow(stream: Answer): Promise<void> {
    const { name, limits, faultOf, onGone } = this.#options;
    try {
      const decoder = createSseDecoder(limits.messageBytes);
      for await (const chunk of stream.pieces()) {
        for (const { event, data } of decoder.push(chunk)) {
          if (data !== null) this.#hear(event ?? 'message', data);
        }
        if (this.#fault) break;
      }
      this.#condemn(new Fault('upstream_failed', `MCP server ${name} ended its stream.`));
    } catch (error) {
      this.#condemn(faultOf(error));
    }
    if (this.#fault && this.#target !== null) onGone(this.#fault);
  }

  #hear(event: string, data: string): void {
    if (this.#fault) return;
    if (event === 'endpoint') return this.#settleEndpoint(data);
    if (event !== 'message' || data === '') return;
    const messages = messagesIn(data);
    if (messages && this.#target !== null) {
      this.#garbage = 0;
      for (const message of messages) this.#options.onMessage(message);
      return;
    }
    const { name, limits, log } = this.#options;
    this.#garbage += 1;
    log(`Server ${name} sent an event that is not MCP: ${data.slice(0, 200)}`);
    if (this.#garbage >= limits.garbageLines) {
      this.#condemn(new Fault('upstream_garbage', `MCP server ${name} sends something that is not MCP.`));
    }
  }

  /** MCP 2024-11-05: the endpoint comes first, and once. */
  #settleEndpoint(said: string): void {
    try {
      const target = readSseEndpoint(said, this.#options.url);
      if (this.#target !== null && this.#target !== target) {
        throw new Fault('upstream_garbage', 'The MCP server named a second endpoint for messages.');
      }
      this.#target = target;
      this.#endpoint.resolve(target);
    } catch (error) {
      this.#condemn(this.#options.faultOf(error));
    }
  }

  async #post(message: JsonObject, octets: Uint8Array): Promise<void> {
    let answered = false;
    try {
      if (this.#fault || this.#target === null) return;
      const { limits, name } = this.#options;
      const answer = await this.#exchange({
        method: 'POST',
        target: this.#target,
        headers: { accept: 'application/json, text/event-stream', 'content-type': 'application/json' },
        body: octets,
        answerMilliseconds: limits.answerMilliseconds,
        idleMilliseconds: limits.idleMilliseconds,
      });
      answered = true;
      if (answer.status >= 300) throw refusal(name, answer.status, 'a message');
      // It is taken. What else is said is nobody's matter; read, so that the connection can be used again.
      answer.whole(largestReceipt).catch(() => undefined);
    } catch (error) {
      this.#untaken(message, this.#options.faultOf(error), answered);
    } finally {
      this.#unsentOctets -= octets.length;
    }
  }

  /**
   * The server has not taken a message, or did not say so. A request fails alone. A notification or an answer that got
   * no answer may be lost, and its sender was told that it went out, so the session ends; one that was refused is not missed.
   */
  #untaken(message: JsonObject, fault: Fault, answered: boolean): void {
    if (this.#fault) return;
    this.#options.log(fault.message);
    if (fault.code === 'session_unknown') this.#condemn(fault);
    else if (isRequest(message)) this.#options.onRefused(message['id'] ?? null, fault);
    else if (!answered) this.#condemn(fault);
  }

  #condemn(fault: Fault): void {
    if (this.#fault) return;
    this.#fault = fault;
    this.#endpoint.reject(fault);
    this.#over.abort(fault);
  }
}

function isRequest(message: JsonObject): boolean {
  return typeof message['method'] === 'string' && message['id'] !== undefined;
}

function refusal(name: string, status: number, what: string): Fault {
  if (status >= 300 && status < 400) {
    return new Fault(
      'upstream_failed',
      `MCP server ${name} answered with a redirect (${status}), and none is followed.`,
    );
  }
  if (status === 401 || status === 403 || status === 407) {
    return new Fault(
      'upstream_failed',
      `MCP server ${name} does not accept the gateway's credentials (${status}).`,
    );
  }
  if (what === 'a message' && (status === 404 || status === 410)) {
    return new Fault('session_unknown', `MCP server ${name} no longer knows its session.`);
  }
  return new Fault('upstream_failed', `MCP server ${name} refused ${what} (HTTP ${status}).`);
}
