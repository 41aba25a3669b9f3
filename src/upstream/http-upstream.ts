import type { TlsMaterial } from '../http/exchange.ts';
import { ExchangeFailure, type Failure, failureOf } from '../http/failure.ts';
import type { HttpEngine } from '../http/http-engine.ts';
import type { Answer, OutgoingRequest, Sending } from '../http/outgoing.ts';
import type { Clock } from '../kernel/clock.ts';
import type { FaultCode } from '../kernel/fault-codes.ts';
import { Fault } from '../kernel/fault.ts';
import { rememberedFor, rememberedForFrozen } from '../kernel/remembered-for.ts';
import type { Headers } from '../wire/headers.ts';
import type { Secrets } from '../secrets/resolve.ts';
import { boundEvents } from './bound-events.ts';
import { createServerCredentials } from './credential/server-credentials.ts';
import type { SubjectTokens } from './credential/subject-tokens.ts';
import { type CallerTracker, createCallerTracker } from './caller-tracker.ts';
import { createHttpPool } from './http-pool.ts';
import type { UpstreamLimits } from './limits.ts';
import type { HttpServerDefinition } from './server-definition.ts';
import type { Upstream, UpstreamHealth, UpstreamRequest, UpstreamResponse } from './upstream.ts';

export interface HttpUpstreamOptions {
  readonly limits: UpstreamLimits;
  readonly secrets: Secrets;
  readonly identity: () => Pick<TlsMaterial, 'certificate' | 'key'>;
  readonly clock: Clock;
  readonly engine: HttpEngine;
  readonly log: (line: string) => void;
  /** Is told of every secret and token that is used. */
  readonly learn: (secret: string) => void;
  readonly subjects: SubjectTokens;
}

/** An MCP server over HTTP: pooled connections, our own credentials, no redirects. */
export function createHttpUpstream(definition: HttpServerDefinition, options: HttpUpstreamOptions): Upstream {
  const { name } = definition;
  const { limits, log } = options;
  const url = new URL(definition.url);
  const target = url.pathname + url.search;
  const pool = createHttpPool(definition, options);
  const credentials = createServerCredentials(definition, options);
  const callers = createCallerTracker();
  const up: UpstreamHealth = { state: 'up', detail: 'answering' };
  let health: UpstreamHealth = { state: 'idle', detail: 'not used yet' };

  const outgoing = (request: UpstreamRequest, headers: OutgoingRequest['headers']): OutgoingRequest => ({
    method: request.method,
    target,
    headers,
    body: request.inbound?.bytes ?? null,
    answerMilliseconds: limits.answerMilliseconds,
    // What waits for news may be silent for long.
    idleMilliseconds: request.method === 'GET' || isSubscription(request) ? 0 : limits.idleMilliseconds,
  });

  const exchange = async (
    request: UpstreamRequest,
    headers: OutgoingRequest['headers'],
    call: TrackedCall,
  ): Promise<Answer> => {
    const ready = pool.current();
    const connections = ready instanceof Promise ? await ready : ready;
    const sending = connections.send(outgoing(request, headers), request.signal);
    call.begun(sending);
    return await sending.answer;
  };

  const send = async (request: UpstreamRequest): Promise<UpstreamResponse> => {
    const call = new TrackedCall(request, callers);
    try {
      const own = ownHeaders(request.headers);
      // They go last, so that no header of the caller can stand in for them.
      const answer = await credentials.call(request, (shown) =>
        exchange(request, shown ? { ...own, ...shown } : own, call),
      );
      const response = await readResponse(answer, limits);
      health = up;
      callers.follow(request, response);
      const { body } = response;
      if (!(body instanceof Uint8Array)) {
        const follower = { failed: (error: unknown) => failed(error, call), over: () => call.leave() };
        return { ...response, body: boundEvents(body, limits.messageBytes, follower) };
      }
      call.leave();
      return response;
    } catch (error) {
      const fault = failed(error, call);
      call.end(fault);
      throw fault;
    }
  };

  const failed = (error: unknown, call: TrackedCall): Fault => {
    if (error instanceof Fault) return error;
    if (call.callerLeft) return new Fault('unavailable', 'The caller went away.', { cause: error });
    const failure = failureOf(error);
    health = { state: 'down', detail: failure.text };
    log(`Server ${name}: ${failure.text}.`);
    // The authority file or our own certificate may have been put right meanwhile.
    if (failure.kind === 'untrusted' || failure.kind === 'unwelcome') pool.renew();
    return new Fault(faultCodes[failure.kind], `MCP server ${name}: ${failure.text}.`, { cause: error });
  };

  const endSession = async (caller: string, session: string): Promise<void> => {
    const headers = { 'mcp-session-id': session };
    const signal = AbortSignal.timeout(limits.graceMilliseconds);
    const { body } = await send({ method: 'DELETE', headers, inbound: null, caller, signal });
    if (!(body instanceof Uint8Array)) for await (const _ of body);
  };

  return {
    name,
    send,
    health: () => health,
    async endCaller(caller) {
      const sessions = callers.end(caller);
      await Promise.allSettled(sessions.map((session) => endSession(caller, session)));
      callers.end(caller);
    },
    async [Symbol.asyncDispose]() {
      callers.endAll();
      await credentials[Symbol.asyncDispose]();
      await pool[Symbol.asyncDispose]();
    },
  };
}

/** Follows one exchange, which its caller's end ends wherever it has got to. */
class TrackedCall {
  private readonly request: UpstreamRequest;
  private readonly callers: CallerTracker;
  private sending: Sending | null = null;
  private ended: Error | null = null;

  constructor(request: UpstreamRequest, callers: CallerTracker) {
    this.request = request;
    this.callers = callers;
    callers.enter(request.caller, this);
  }

  /** There is something to end now. */
  begun(sending: Sending): void {
    this.sending = sending;
    if (this.ended) sending.abort(this.ended);
  }

  end(reason: Error): void {
    this.ended ??= reason;
    this.leave();
    this.sending?.abort(reason);
  }

  /** It is over. */
  leave(): void {
    this.callers.leave(this.request.caller, this);
  }

  get callerLeft(): boolean {
    return this.ended !== null || this.request.signal.aborted;
  }
}

/** What the trouble with an exchange means for who asked. */
export const faultCodes: Readonly<Record<Failure['kind'], FaultCode>> = {
  untrusted: 'upstream_unreachable',
  unwelcome: 'upstream_unreachable',
  timeout: 'upstream_timeout',
  unreachable: 'upstream_unreachable',
  broken: 'upstream_failed',
  garbage: 'upstream_garbage',
  oversized: 'upstream_too_large',
};

const ownNames = new Set(['accept', 'content-type', 'last-event-id', 'traceparent', 'tracestate']);

/** What MCP itself needs; nothing else of the caller's goes further, credentials least of all. */
const ownHeaders = rememberedForFrozen((headers: UpstreamRequest['headers']): UpstreamRequest['headers'] => {
  const kept: Record<string, string> = {};
  for (const name of Object.keys(headers)) {
    if (name.startsWith('mcp-') || ownNames.has(name)) kept[name] = headers[name] ?? '';
  }
  return Object.freeze(kept);
});

function isSubscription(request: UpstreamRequest): boolean {
  return request.inbound?.messages.some((message) => message.method === 'subscriptions/listen') ?? false;
}

/** A client sends it back sealed, which makes it a third longer. */
const longestSession = 3_000;
const passedHeaders = new Set(['content-type', 'cache-control', 'retry-after']);

/** Throws a Fault, at once or later. */
function readResponse(answer: Answer, limits: UpstreamLimits): UpstreamResponse | Promise<UpstreamResponse> {
  const { status, headers } = answer;
  if (status >= 300 && status < 400) {
    throw new Fault(
      'upstream_failed',
      `The MCP server answered with a redirect (${status}), and none is followed.`,
    );
  }
  if (status === 401 || status === 407) {
    // Passed on, it would make the caller look for credentials of its own.
    throw new Fault(
      'upstream_failed',
      `The MCP server does not accept the gateway's credentials (${status}).`,
    );
  }
  const session = headers.get('mcp-session-id')?.length ?? 0;
  if (session > longestSession) {
    const detail = `The MCP server opened a session with an id of ${session} characters; at most ${longestSession} can come back in the headers of requests.`;
    throw new Fault('upstream_too_large', detail);
  }
  const { passed, media } = readHeaders(headers);
  switch (media) {
    case 'application/json':
      return answer.whole(limits.messageBytes).then((body) => ({ status, headers: passed, body }));
    case 'text/event-stream':
      return { status, headers: passed, body: answer.pieces() };
    default:
      return withoutContent(answer).then((body) => ({ status, headers: passed, body }));
  }
}

type Media = 'application/json' | 'text/event-stream' | null;

/** What of an answer's headers is passed on, and which of the two kinds of MCP it is. */
const readHeaders = rememberedFor(
  (headers: Headers): { readonly passed: UpstreamResponse['headers']; readonly media: Media } => {
    const type = headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase();
    const media = type === 'application/json' || type === 'text/event-stream' ? type : null;
    const passed: Record<string, string> = {};
    for (const [name, value] of headers.entries()) {
      if (name === 'content-type' && media === null) continue;
      if (passedHeaders.has(name) || name.startsWith('mcp-')) passed[name] = value;
    }
    return { passed: Object.freeze(passed), media };
  },
);

const largestIgnoredOctets = 64 * 1024;

/** A refusal in HTML or nothing at all keeps its status only; a success or a failure that is not MCP is a fault. */
async function withoutContent(answer: Answer): Promise<Uint8Array> {
  // Read to its end, so that the connection can be used again; longer ones are cut.
  const { status } = answer;
  const content = await answer.whole(largestIgnoredOctets).catch((error: unknown) => {
    if (!(error instanceof ExchangeFailure) || error.kind !== 'oversized') throw error;
    return null;
  });
  const empty = status === 202 || content?.length === 0;
  if (!empty && (status < 400 || status >= 500)) {
    const problem = `The MCP server answered ${status} with something that is neither JSON nor an event stream.`;
    throw new Fault(status < 400 ? 'upstream_garbage' : 'upstream_failed', problem);
  }
  return new Uint8Array();
}
