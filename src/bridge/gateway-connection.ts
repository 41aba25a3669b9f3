import { type Client, createClient, type StreamedResponse } from '../http/fetch.ts';
import { failureOf } from '../http/failure.ts';
import type { Clock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import { createBackOff } from './back-off.ts';
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
}

/** An answer. Its chunks must be iterated, or the request's signal aborted. */
export type GatewayResponse = StreamedResponse;

/** The way to the gateway with the certificate as of now. */
export interface GatewayConnection extends AsyncDisposable {
  /**
   * A connection that cannot be made is tried again for a while, since nothing was sent. Throws Fault
   * `gateway_unreachable`, `gateway_untrusted`, `identity_refused`, `certificate_expired`, …; the signal's reason.
   */
  send(request: GatewayRequest): Promise<GatewayResponse>;
}

interface Use {
  readonly client: Client;
  readonly credentials: Credentials;
  running: number;
  retired: boolean;
}

export function connectGateway(options: {
  readonly gateway: string;
  readonly identity: Identity;
  readonly clock: Clock;
  readonly limits: BridgeLimits;
  readonly log: (line: string) => void;
}): GatewayConnection {
  const { gateway, identity, clock, limits } = options;
  const place = `The gateway ${new URL(gateway).origin}`;
  const report = createReport(place, options.log);
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
    const credentials = await identity.current();
    if (newest && newest.credentials !== credentials) {
      newest.retired = true;
      closeIfDone(newest);
      newest = null;
    }
    if (!newest) {
      newest = { client: openClient(credentials, limits), credentials, running: 0, retired: false };
      uses.add(newest);
    }
    newest.running++;
    return newest;
  };

  const trySend = async (request: GatewayRequest): Promise<GatewayResponse> => {
    const use = await take();
    try {
      const response = await use.client.request({ ...request, url: gateway, stream: true });
      report.well();
      return { ...response, chunks: released(response.chunks, request.signal, () => release(use)) };
    } catch (error) {
      release(use);
      if (request.signal.aborted) throw error;
      throw new Attempt(explainFailure(error, { place, leaf: use.credentials.leaf, now: clock.now() }));
    }
  };

  return {
    async send(request) {
      const start = clock.monotonic();
      const backOff = createBackOff(limits);
      for (;;) {
        try {
          return await trySend(request);
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

function openClient({ certificate, key, roots, leaf }: Credentials, limits: BridgeLimits): Client {
  // Below the roots of the system there are no gateways of ours to tell from other servers.
  const trust = roots === null ? {} : { authorities: roots, inspect: requireGateway(leaf) };
  return createClient({
    tls: { certificate, key, ...trust },
    addressGuard: 'any',
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
