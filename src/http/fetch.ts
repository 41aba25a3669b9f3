import { lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { checkServerIdentity } from './server-identity.ts';
import { Agent } from 'undici';
import { utf8 } from '../kernel/bytes.ts';
import type { Json } from '../kernel/canonical-json.ts';
import type { FaultCode } from '../kernel/fault-codes.ts';
import { Fault } from '../kernel/fault.ts';
import { parseJson } from '../kernel/parse-json.ts';
import type { AddressPolicy } from './address-guard.ts';
import { ExchangeFailure, type Failure, failureOf } from './failure.ts';
import { guardedLookup, refuseForbidden } from './guarded-lookup.ts';
import type { Answer } from './outgoing.ts';
import { sendThrough } from './undici-send.ts';

export interface ClientOptions {
  /** Without it: the system's authorities and no certificate of our own. All PEM. */
  readonly tls?: {
    readonly certificate?: string;
    readonly key?: string;
    /** The only authorities that are trusted. */
    readonly authorities?: string;
    /** The name that the peer's certificate must carry, when it is not the host of the URL. */
    readonly serverName?: string;
    /** Looks at the peer's certificate (DER) once its chain and name are verified, before anything is sent; throws to refuse it. */
    readonly inspect?: (certificate: Uint8Array) => void;
    /** Whether `inspect` alone knows the peer, and the name in its certificate is not compared with the host. */
    readonly anyHost?: boolean;
  };
  readonly addressGuard: AddressPolicy;
  readonly limits?: Partial<ClientLimits>;
  /** Resolves names; the system's resolver unless given. */
  readonly lookup?: LookupFunction;
}

export interface ClientLimits {
  readonly connectMilliseconds: number;
  /** From the request to the head of the answer. */
  readonly headMilliseconds: number;
  /** Silence in the middle of an answer; 0 for any length of it. */
  readonly idleMilliseconds: number;
  /** A whole exchange; a stream is not bounded by it. */
  readonly totalMilliseconds: number;
  /** A whole answer; a stream is not bounded by it. */
  readonly bodyBytes: number;
}

export const defaultClientLimits: ClientLimits = {
  connectMilliseconds: 10_000,
  headMilliseconds: 30_000,
  idleMilliseconds: 30_000,
  totalMilliseconds: 60_000,
  bodyBytes: 10 * 1024 * 1024,
};

export interface ClientRequest {
  readonly method: string;
  /** http or https. */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  readonly signal?: AbortSignal;
}

export interface WholeResponse {
  readonly status: number;
  /** Lower-case names; repeated ones joined. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** The body as strict JSON. Throws the faults of `parseJson`. */
  json(): Json;
}

export interface StreamedResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Leaving the iteration early ends the exchange. Throws the faults of `request`. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** The one way out for anything but MCP servers. Never follows a redirect. */
export interface Client extends AsyncDisposable {
  /**
   * Throws Fault `address_refused`, `unavailable`, `timed_out`, `too_large`, `gateway_untrusted` (the peer's
   * certificate does not verify), `identity_refused` (the peer refused ours) or `invalid_input`; the signal's own
   * reason when that is what ended it.
   */
  request(request: ClientRequest & { readonly stream: true }): Promise<StreamedResponse>;
  request(request: ClientRequest & { readonly stream?: false }): Promise<WholeResponse>;
  /** Ends every exchange and connection. */
  close(): Promise<void>;
}

export function createClient(options: ClientOptions): Client {
  const limits = { ...defaultClientLimits, ...options.limits };
  const agent = createAgent(options, limits);

  const begin = async (request: ClientRequest, signal: AbortSignal): Promise<Answer> => {
    const url = readUrl(request.url, options.addressGuard);
    const outgoing = {
      method: request.method,
      target: url.pathname + url.search,
      headers: { 'user-agent': 'countersign', ...request.headers },
      body: typeof request.body === 'string' ? utf8(request.body) : (request.body ?? null),
      answerMilliseconds: limits.headMilliseconds,
      idleMilliseconds: limits.idleMilliseconds,
    };
    return await sendThrough(agent, url.origin, outgoing, signal).answer;
  };

  async function request(given: ClientRequest & { readonly stream: true }): Promise<StreamedResponse>;
  async function request(given: ClientRequest & { readonly stream?: false }): Promise<WholeResponse>;
  async function request(
    given: ClientRequest & { readonly stream?: boolean },
  ): Promise<StreamedResponse | WholeResponse> {
    const caller = given.signal ?? new AbortController().signal;
    const deadline = new AbortController();
    const timer = setTimeout(
      () =>
        deadline.abort(
          new Fault('timed_out', `${place(given.url)} took longer than ${limits.totalMilliseconds} ms.`),
        ),
      limits.totalMilliseconds,
    );
    try {
      const answer = await begin(given, AbortSignal.any([caller, deadline.signal]));
      const head = { status: answer.status, headers: Object.fromEntries(answer.headers.entries()) };
      if (given.stream) return { ...head, chunks: named(answer.pieces(), given.url, caller) };
      const octets = await answer.whole(limits.bodyBytes);
      return { ...head, body: octets, json: () => parseJson(octets) };
    } catch (error) {
      throw clientFault(error, given.url, caller);
    } finally {
      clearTimeout(timer);
    }
  }

  const close = (): Promise<void> => agent.destroy();
  return { request, close, [Symbol.asyncDispose]: close };
}

function createAgent(options: ClientOptions, limits: ClientLimits): Agent {
  const { tls = {} } = options;
  return new Agent({
    allowH2: false,
    connect: {
      timeout: limits.connectMilliseconds,
      lookup: guardedLookup(options.addressGuard, options.lookup ?? systemLookup),
      // A resumed session would skip the check of the peer's certificate.
      maxCachedSessions: 0,
      ...(tls.certificate === undefined ? {} : { cert: tls.certificate }),
      ...(tls.key === undefined ? {} : { key: tls.key }),
      ...(tls.authorities === undefined ? {} : { ca: tls.authorities }),
      ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
      ...(tls.inspect === undefined
        ? {}
        : { checkServerIdentity: inspecting(tls.inspect, tls.anyHost === true) }),
    },
  });
}

/** The check of the name, and then of what else the caller wants of the certificate. */
function inspecting(
  inspect: (certificate: Uint8Array) => void,
  anyHost: boolean,
): typeof checkServerIdentity {
  return (host, peer) => {
    const misnamed = anyHost ? undefined : checkServerIdentity(host, peer);
    if (misnamed) return misnamed;
    try {
      inspect(peer.raw);
      return undefined;
    } catch (cause) {
      const why = cause instanceof Fault ? cause.message : 'its certificate cannot be read';
      return new ExchangeFailure('untrusted', why.replace(/\.$/, ''), cause);
    }
  };
}

function readUrl(text: string, policy: AddressPolicy): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new Fault('invalid_input', 'Only http and https URLs can be asked.');
  }
  if (url.username !== '' || url.password !== '') {
    throw new Fault('invalid_input', 'A URL must not carry a user or password.');
  }
  // A literal address is never looked up.
  const literal = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(literal) !== 0) refuseForbidden(policy, url.hostname, [{ address: literal }]);
  return url;
}

async function* named(
  body: AsyncIterable<Uint8Array>,
  url: string,
  caller: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* body;
  } catch (error) {
    throw clientFault(error, url, caller);
  }
}

function clientFault(error: unknown, url: string, caller: AbortSignal): unknown {
  if (error instanceof Fault) return error;
  if (caller.aborted) return caller.reason;
  const { kind, text } = failureOf(error);
  const detail = `${place(url)}: ${text}.`;
  return new Fault(faultOf[kind], detail, { cause: error });
}

const faultOf: Readonly<Record<Failure['kind'], FaultCode>> = {
  untrusted: 'gateway_untrusted',
  unwelcome: 'identity_refused',
  timeout: 'timed_out',
  unreachable: 'unavailable',
  broken: 'unavailable',
  garbage: 'unavailable',
  oversized: 'too_large',
};

/** The part of a URL that is safe to show: a query may hold secrets. */
function place(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : 'the URL';
}
