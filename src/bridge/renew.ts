import type { Clock } from '../kernel/clock.ts';
import { errorText } from '../kernel/fault.ts';
import { newKey, order } from './authority-client.ts';
import { createBackOff, pause } from './back-off.ts';
import type { Credentials } from './credentials.ts';
import type { Identity } from './identity.ts';
import type { KeyStore } from './key-store.ts';
import type { BridgeLimits } from './limits.ts';
import { renewalMoment } from './renewal-moment.ts';

/** What renewing needs. */
export interface Renewal {
  readonly identity: Identity;
  readonly store: KeyStore;
  readonly authority: string;
  /** Whether the roots are named by the user and not to be replaced by the authority's. */
  readonly fixedRoots: boolean;
  readonly clock: Clock;
  readonly limits: BridgeLimits;
  readonly log: (line: string) => void;
}

/**
 * Renews whenever the moment has come, until it is disposed of. What fails is tried again, ever more slowly, until the
 * certificate ends; that end is said once.
 */
export function keepRenewed(renewal: Renewal): AsyncDisposable {
  const stop = new AbortController();
  const running = run(renewal, stop.signal);
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

async function run(renewal: Renewal, stop: AbortSignal): Promise<void> {
  const { identity, clock, limits, log } = renewal;
  const backOff = createBackOff({
    backOffMilliseconds: limits.backOffMilliseconds * 20,
    longestBackOffMilliseconds: limits.longestBackOffMilliseconds * 4,
  });
  let endedSerial = '';
  while (!stop.aborted) {
    const current = await identity.current();
    const { leaf } = current;
    const left = renewalMoment(leaf) - clock.now();
    if (clock.now() > leaf.notAfter) {
      if (leaf.serial !== endedSerial) log(endedLine(current));
      endedSerial = leaf.serial;
      await pause(limits.renewalCheckMilliseconds, stop);
    } else if (left > 0) {
      await pause(Math.min(left, limits.renewalCheckMilliseconds), stop);
    } else {
      try {
        await renewOnce(renewal, current, stop);
        backOff.reset();
      } catch (error) {
        if (stop.aborted) return;
        log(`The certificate was not renewed and is tried again: ${errorText(error)}`);
        await backOff.pause(stop);
      }
    }
  }
}

/** Gets a certificate for a new key over a connection that the current one authenticates, and puts both in place. */
export async function renewOnce(renewal: Renewal, current: Credentials, signal: AbortSignal): Promise<void> {
  const { identity, store, authority, clock } = renewal;
  {
    await using _lock = await store.lock(signal);
    const stored = await store.load();
    // Another bridge of this agent was first.
    if (stored && stored.leaf.serial !== current.leaf.serial) return identity.refresh();
    const key = newKey();
    await store.prepare(key);
    const roots = current.roots ?? stored?.roots ?? '';
    const delivered = await order({
      authority,
      path: '/v1/enrol/renew',
      token: null,
      name: current.leaf.commonName ?? '',
      key,
      roots,
      present: current,
      clock,
      signal,
    });
    await store.commit(delivered.certificate, renewal.fixedRoots ? roots : delivered.roots);
  }
  identity.refresh();
}

function endedLine({ leaf }: Credentials): string {
  const ended = new Date(leaf.notAfter).toISOString();
  return `The certificate of ${leaf.commonName} ended at ${ended} and could not be renewed; the gateway refuses every call from now on. Ask for a new join token and start once with --join-token-file.`;
}
