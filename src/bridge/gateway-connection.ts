import { type AddressPolicy, addressRanges } from '../http/address-guard.ts';
import { type Client, type ClientOptions, createClient, type StreamedResponse } from '../http/fetch.ts';
import { failureOf } from '../http/failure.ts';
import type { Clock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import { readWhole } from './answers.ts';
import { createBackOff } from './back-off.ts';
import { createCallSigner } from './call-signer.ts';
import type { Credentials } from './credentials.ts';
import { explainFailure } from './explain-failure.ts';
import type { Identity } from './identity.ts';
import type { BridgeLimits } from './limits.ts';
import { requireGateway } from './require-peer.ts';

/** One request to the gateway's endpoint. */
export interface GatewayRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly signal: AbortSignal;
  /** More headers for the credentials of the connection that is used; asked anew at every attempt. */
  readonly authorize?: (credentials: Credentials | null) => Promise<Readonly<Record<string, string>>>;
}

/** An answer. Its chunks must be iterated, or the request's signal aborted. */
export type GatewayResponse = StreamedResponse;

/** The way to the gateway with the certificate as of now, or to another server without one. */
export interface GatewayConnection extends AsyncDisposable {
  /** Who is at the other end, at the beginning of a sentence. */
  readonly peer: 'The gateway' | 'The server';
  /**
   * A connection that cannot be made is tried again for a while, since nothing was sent. Throws Fault
   * `gateway_unreachable`, `gateway_untrusted`, `identity_refused`, `certificate_expired`, …; the signal's reason.
   */
  send(request: GatewayRequest): Promise<GatewayResponse>;
}

interface Use {
  readonly client: Client;
  /** null where none of ours are shown. */
  readonly credentials: Credentials | null;
  running: number;
  retired: boolean;
}

/** The way to our own gateway, over mutual TLS. */
export function connectGateway(options: {
  readonly gateway: string;
  readonly identity: Identity;
  readonly clock: Clock;
  readonly limits: BridgeLimits;
  readonly log: (line: string) => void;
}): GatewayConnection {
  const { gateway, identity, limits } = options;
  return connect({
    ...options,
    url: gateway,
    peer: 'The gateway',
    credentials: () => identity.current(),
    open: (credentials) => openClient(credentials && ownTls(credentials), 'any', limits),
  });
}

/** The way to somebody else's server: its certificate is verified, and none of ours is shown. Plain HTTP stays on this machine. */
export function connectServer(options: {
  readonly server: string;
  /** The only roots that are trusted, in PEM; null for those of the system. */
  readonly roots: string | null;
  readonly clock: Clock;
  readonly limits: BridgeLimits;
  readonly log: (line: string) => void;
}): GatewayConnection {
  const { server, roots, limits } = options;
  const plain = new URL(server).protocol === 'http:';
  return connect({
    ...options,
    url: server,
    peer: 'The server',
    credentials: async () => null,
    open: () =>
      openClient(
        roots === null ? null : { authorities: roots },
        plain ? addressRanges(['loopback']) : 'any',
        limits,
      ),
  });
}

function connect(options: {
  readonly url: string;
  readonly peer: GatewayConnection['peer'];
  readonly credentials: () => Promise<Credentials | null>;
  readonly open: (credentials: Credentials | null) => Client;
  readonly clock: Clock;
  readonly limits: BridgeLimits;
  readonly log: (line: string) => void;
}): GatewayConnection {
  const { url, peer, clock, limits } = options;
  const place = `${peer} ${new URL(url).origin}`;
  const report = createReport(place, options.log);
  const signer = createCallSigner(url, clock);
  const uses = new Set<Use>();
  let newest: Use | null = null;

  const release = (use: Use): void => {
    use.running--;
    closeIfDone(use);
  };
  const closeIfDone = (use: Use): void => {
    if (!use.retired || use.running > 0 || !uses.delete(use)) return;
    void use.client.close();
  };

  /** Calls in flight keep the connections of the certificate they began with. */
  const take = async (): Promise<Use> => {
    const credentials = await options.credentials();
    if (newest && newest.credentials !== credentials) {
      newest.retired = true;
      closeIfDone(newest);
      newest = null;
    }
    if (!newest) {
      newest = { client: options.open(credentials), credentials, running: 0, retired: false };
      uses.add(newest);
    }
    newest.running++;
    return newest;
  };

  const trySend = async (request: GatewayRequest): Promise<GatewayResponse> => {
    const use = await take();
    const { authorize, ...plain } = request;
    const more = await authorize?.(use.credentials).catch((error: unknown) => {
      release(use);
      throw error;
    });
    try {
      const signed = signer.headersFor(plain, use.credentials);
      const headers = { ...plain.headers, ...more, ...signed };
      const response = await use.client.request({ ...plain, headers, url, stream: true });
      report.well();
      return { ...response, chunks: released(response.chunks, request.signal, () => release(use)) };
    } catch (error) {
      release(use);
      if (request.signal.aborted) throw error;
      const leaf = use.credentials?.leaf ?? null;
      throw new Attempt(explainFailure(error, { place, leaf, bare: leaf === null, now: clock.now() }));
    }
  };

  return {
    peer,
    async send(request) {
      const start = clock.monotonic();
      const backOff = createBackOff(limits);
      for (;;) {
        try {
          const { signing } = signer;
          const response = await trySend(request);
          if (!signer.learn(response) || signing) return response;
          // It was refused before anything was done with it.
          await readWhole(response, limits.messageBytes);
        } catch (error) {
          if (!(error instanceof Attempt)) throw error;
          const { fault } = error;
          report.failed(fault);
          const spent = clock.monotonic() - start;
          if (!wasNotSent(fault) || spent > limits.patienceMilliseconds) throw fault;
          await backOff.pause(request.signal);
          if (request.signal.aborted) throw fault;
        }
      }
    },
    async [Symbol.asyncDispose]() {
      newest = null;
      await Promise.all([...uses].map((use) => use.client.close()));
      uses.clear();
    },
  };
}

/** One failed attempt, so that our own mistakes are not taken for the gateway's. */
class Attempt extends Error {
  readonly fault: Fault;

  constructor(fault: Fault) {
    super(fault.message);
    this.fault = fault;
  }
}

function ownTls({ certificate, key, roots, leaf }: Credentials): NonNullable<ClientOptions['tls']> {
  // Below the roots of the system there are no gateways of ours to tell from other servers.
  const trust = roots === null ? {} : { authorities: roots, inspect: requireGateway(leaf) };
  return { certificate, key, ...trust };
}

function openClient(
  tls: ClientOptions['tls'] | null,
  addressGuard: AddressPolicy,
  limits: BridgeLimits,
): Client {
  return createClient({
    ...(tls && { tls }),
    addressGuard,
    limits: {
      connectMilliseconds: limits.connectMilliseconds,
      headMilliseconds: limits.answerMilliseconds,
      totalMilliseconds: limits.answerMilliseconds,
      // A stream that waits for news may be silent for hours; TCP keep-alive finds a peer that is gone.
      idleMilliseconds: 0,
    },
  });
}

function wasNotSent(fault: Fault): boolean {
  return fault.code === 'gateway_unreachable' && failureOf(fault.cause).kind === 'unreachable';
}

/** Passes chunks on; calls `release` once, at their end or when the signal is aborted, iterated or not. */
function released(
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
  release: () => void,
): AsyncIterable<Uint8Array> {
  let held = true;
  const once = (): void => {
    signal.removeEventListener('abort', once);
    if (held) release();
    held = false;
  };
  if (signal.aborted) once();
  else signal.addEventListener('abort', once, { once: true });
  return (async function* pass() {
    try {
      yield* chunks;
    } finally {
      once();
    }
  })();
}

/** Says once that something is wrong, and once that it is well again. */
function createReport(
  place: string,
  log: (line: string) => void,
): { failed(fault: Fault): void; well(): void } {
  let told: string | null = null;
  return {
    failed(fault) {
      if (told !== fault.message) log(fault.message);
      told = fault.message;
    },
    well() {
      if (told !== null) log(`${place} answers again.`);
      told = null;
    },
  };
}
