import { createChunkQueue } from '../../http/chunk-queue.ts';
import type { Connection, Exchange, ResponseStream } from '../../http/exchange.ts';
import { Fault } from '../../kernel/fault.ts';

/** What is asked of one server on behalf of an agent that asked all of them. */
export interface InnerRequest {
  /** Names the exchange in the log: that of the agent, a dot and a number. */
  readonly id: string;
  readonly method: 'POST' | 'GET' | 'DELETE';
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | null;
  /** Ends the exchange with the server. A Fault as its reason is what the log says about it. */
  readonly signal: AbortSignal;
}

/** The answer, as the road for one server would have sent it to the agent. */
export interface InnerAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Octets when the answer is whole; otherwise the pieces of an event stream. */
  readonly body: Uint8Array | AsyncIterable<Uint8Array>;
}

/** Octets that may wait for a reader before the server is made to wait. */
const mostWaiting = 64 * 1024;

/**
 * An exchange within another: it has the connection of the outer one, so that everything which is checked about the
 * caller is checked on what OpenSSL verified, and it answers to us.
 */
export class InnerExchange implements Exchange {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Exchange['headers'];
  readonly connection: Connection;
  readonly closed: AbortSignal;
  readonly answer: Promise<InnerAnswer>;
  answered = false;
  readonly #request: InnerRequest;
  readonly #given: (answer: InnerAnswer) => void;
  readonly #ending = new AbortController();

  constructor(outer: Exchange, server: string, request: InnerRequest) {
    const { promise, resolve } = Promise.withResolvers<InnerAnswer>();
    this.answer = promise;
    this.#given = resolve;
    this.#request = request;
    this.id = request.id;
    this.method = request.method;
    this.path = `/mcp/${server}`;
    this.query = outer.query;
    this.headers = lookUp(request.headers);
    this.closed = AbortSignal.any([outer.closed, request.signal, this.#ending.signal]);
    const { id, address, certificate, facts, closed } = outer.connection;
    // A right that is lost at one server ends what was asked of that server; the agent's own end cuts them all.
    const cut = (): void => this.#ending.abort(wasCut());
    const rest = (milliseconds: number): void => outer.connection.rest(milliseconds);
    this.connection = { id, address, certificate, facts, closed, rest, cut };
  }

  body(): Promise<Uint8Array> {
    return Promise.resolve(this.#request.body ?? new Uint8Array());
  }

  respond(status: number, headers: Record<string, string>, body?: Uint8Array | string): Promise<void> {
    this.#give({ status, headers, body: typeof body === 'string' ? Buffer.from(body) : (body ?? empty) });
    return Promise.resolve();
  }

  stream(status: number, headers: Record<string, string>): ResponseStream {
    let drained: (() => void) | null = null;
    const queue = createChunkQueue({
      onDrained: () => drained?.(),
      onLeft: () => {
        drained?.();
        this.#ending.abort(readerLeft());
      },
    });
    const end = (): void => {
      drained?.();
      queue.fail(this.closed.reason instanceof Fault ? this.closed.reason : readerLeft());
    };
    if (this.closed.aborted) end();
    else this.closed.addEventListener('abort', end, { once: true });
    this.#give({ status, headers, body: queue.chunks });
    return {
      write: async (chunk) => {
        if (this.closed.aborted) throw readerLeft();
        queue.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
        if (queue.size <= mostWaiting) return;
        await new Promise<void>((resolve) => {
          drained = resolve;
        });
        drained = null;
      },
      end: async () => queue.end(),
      abort: () => queue.fail(new Fault('upstream_failed', 'The answer of the MCP server is incomplete.')),
    };
  }

  #give(answer: InnerAnswer): void {
    this.answered = true;
    this.#given(answer);
  }
}

/** Header values by name; ours are written in lower case. */
function lookUp(given: InnerRequest['headers']): Exchange['headers'] {
  const values = new Map(Object.entries(given));
  return { get: (name) => values.get(name.toLowerCase()) ?? null, entries: () => values.entries() };
}

const empty = new Uint8Array();

function wasCut(): Fault {
  return new Fault('unavailable', 'The right to this call ended while it was answered.');
}

function readerLeft(): Fault {
  return new Fault('unavailable', 'Nobody waits for this answer any more.');
}
