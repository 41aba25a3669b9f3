import { type Dispatched, dispatch } from '../http/dispatch.ts';
import type { TlsMaterial } from '../http/exchange.ts';
import { type Failure, failureOf } from '../http/failure.ts';
import type { FaultCode } from '../kernel/fault-codes.ts';
import { Fault } from '../kernel/fault.ts';
import type { SecretResolver } from '../secrets/resolve.ts';
import { createCallerTracker } from './caller-tracker.ts';
import { createHttpPool } from './http-pool.ts';
import type { UpstreamLimits } from './limits.ts';
import { boundMessages, type ResponseKind } from './response-body.ts';
import type { HttpServerDefinition } from './server-definition.ts';
import type { Upstream, UpstreamHealth, UpstreamRequest, UpstreamResponse } from './upstream.ts';

export interface HttpUpstreamOptions {
  readonly limits: UpstreamLimits;
  readonly secrets: SecretResolver;
  readonly identity: () => Pick<TlsMaterial, 'certificate' | 'key'>;
  readonly log: (line: string) => void;
}

/** An MCP server over HTTP: pooled connections, our own credentials, no redirects. */
export function createHttpUpstream(definition: HttpServerDefinition, options: HttpUpstreamOptions): Upstream {
  const { name } = definition;
  const { limits, secrets, log } = options;
  const url = new URL(definition.url);
  const pool = createHttpPool(definition, limits, options.identity);
  const callers = createCallerTracker();
  let health: UpstreamHealth = { state: 'idle', detail: 'not used yet' };

  const send = async (request: UpstreamRequest): Promise<UpstreamResponse> => {
    const call = callers.enter(request.caller, request.signal);
    try {
      const headers = { ...ownHeaders(request.headers), ...(await credentials(definition, secrets)) };
      const streaming = request.method === 'GET' || isSubscription(request);
      const dispatched = await dispatch(
        await pool.current(),
        {
          path: url.pathname + url.search,
          method: request.method,
          headers,
          body: request.inbound?.bytes ?? null,
          bodyTimeout: streaming ? 0 : limits.idleMilliseconds,
        },
        call.signal,
      );
      const response = readResponse(dispatched, limits);
      health = { state: 'up', detail: 'answering' };
      callers.follow(request, response);
      return { ...response, body: watched(response.body, call) };
    } catch (error) {
      call.leave();
      throw failed(error, call.signal);
    }
  };

  async function* watched(body: AsyncIterable<Uint8Array>, call: ReturnType<typeof callers.enter>) {
    try {
      yield* body;
    } catch (error) {
      throw failed(error, call.signal);
    } finally {
      call.leave();
    }
  }

  const failed = (error: unknown, signal: AbortSignal): unknown => {
    if (error instanceof Fault) return error;
    if (signal.aborted) return new Fault('unavailable', 'The caller went away.', { cause: error });
    const failure = failureOf(error);
    health = { state: 'down', detail: failure.text };
    log(`Server ${name}: ${failure.text}.`);
    // The authority file or our own certificate may have been put right meanwhile.
    if (failure.kind === 'untrusted' || failure.kind === 'unwelcome') pool.renew();
    return new Fault(faultOf[failure.kind], `MCP server ${name}: ${failure.text}.`, { cause: error });
  };

  const endSession = async (caller: string, session: string): Promise<void> => {
    const headers = { 'mcp-session-id': session };
    const signal = AbortSignal.timeout(limits.graceMilliseconds);
    const { body } = await send({ method: 'DELETE', headers, inbound: null, caller, signal });
    for await (const _ of body);
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
      await pool[Symbol.asyncDispose]();
    },
  };
}

const faultOf: Readonly<Record<Failure['kind'], FaultCode>> = {
  untrusted: 'upstream_unreachable',
  unwelcome: 'upstream_unreachable',
  timeout: 'upstream_timeout',
  unreachable: 'upstream_unreachable',
  broken: 'upstream_failed',
  garbage: 'upstream_garbage',
};

/** What MCP itself needs; nothing else of the caller's goes further, credentials least of all. */
function ownHeaders(headers: UpstreamRequest['headers']): Record<string, string> {
  const kept = Object.entries(headers).filter(
    ([name]) => name.startsWith('mcp-') || ['accept', 'content-type', 'last-event-id'].includes(name),
  );
  return Object.fromEntries(kept);
}

/** Credentials are chosen by the definition alone; they go last so that no header of the caller can stand in for them. */
async function credentials(
  definition: HttpServerDefinition,
  secrets: SecretResolver,
): Promise<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const [name, reference] of Object.entries(definition.headers)) {
    const value = await secrets.resolve(reference);
    if (!/^[\t\x20-\x7e]*$/.test(value)) {
      throw new Fault(
        'secret_unresolved',
        `${reference} holds characters that the header ${name} cannot carry.`,
      );
    }
    headers[name.toLowerCase()] = value;
  }
  return headers;
}

function isSubscription(request: UpstreamRequest): boolean {
  return request.inbound?.messages.some((message) => message.method === 'subscriptions/listen') ?? false;
}

const passedHeaders = new Set(['content-type', 'cache-control', 'retry-after']);

function readResponse({ status, headers, body }: Dispatched, limits: UpstreamLimits): UpstreamResponse {
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
  const passed: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || !(passedHeaders.has(name) || name.startsWith('mcp-'))) continue;
    passed[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  const kind = kindOf(headers['content-type']);
  if (kind === 'other') {
    delete passed['content-type'];
    return { status, headers: passed, body: withoutContent(status, headers['content-length'], body) };
  }
  return { status, headers: passed, body: boundMessages(body, kind, limits.messageBytes) };
}

function kindOf(contentType: string | readonly string[] | undefined): ResponseKind | 'other' {
  const type = String(contentType ?? '')
    .split(';', 1)[0]
    ?.trim()
    .toLowerCase();
  if (type === 'application/json') return 'json';
  return type === 'text/event-stream' ? 'events' : 'other';
}

/** A refusal in HTML or nothing at all keeps its status only; a success or a failure that is not MCP is a fault. */
function withoutContent(
  status: number,
  length: string | readonly string[] | undefined,
  body: AsyncIterable<Uint8Array>,
): AsyncIterable<Uint8Array> {
  const empty = status === 202 || status === 204 || length === '0';
  if (!empty && (status < 400 || status >= 500)) {
    const problem = `The MCP server answered ${status} with something that is neither JSON nor an event stream.`;
    throw new Fault(status < 400 ? 'upstream_garbage' : 'upstream_failed', problem);
  }
  return drained(body);
}

const largestIgnoredOctets = 64 * 1024;

/** A body of no octets, read to its end so that the connection can be used again. */
function drained(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const drain = async (): Promise<IteratorResult<Uint8Array>> => {
    let size = 0;
    for await (const chunk of body) {
      size += chunk.length;
      if (size > largestIgnoredOctets) break;
    }
    return { done: true, value: undefined };
  };
  return { [Symbol.asyncIterator]: () => ({ next: drain }) };
}
