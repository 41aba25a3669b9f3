import { errorText, toFault } from '../kernel/fault.ts';
import { createBackOff, pause } from './back-off.ts';
import type { Credentials } from './credentials.ts';
import type { Identity } from './identity.ts';
import type { BridgeLimits } from './limits.ts';
import { renewStored, type StoredRenewal } from './renew-stored.ts';
import { renewalMoment } from './renewal-moment.ts';

/** What keeping a certificate fresh needs. */
export interface Renewal extends StoredRenewal {
  readonly identity: Identity;
  readonly limits: BridgeLimits;
  readonly log: (line: string) => void;
}

/**
 * Renews whenever the moment has come, until it is disposed of. What fails is tried again, ever more slowly, also after
 * the certificate has ended: the authority may have a grace. When it says that there is none, that is said once.
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
  let given = '';
  while (!stop.aborted) {
    const current = await identity.current();
    const { serial } = current.leaf;
    const left = renewalMoment(current.leaf) - clock.now();
    if (serial === given) {
      await pause(limits.renewalCheckMilliseconds, stop);
    } else if (left > 0) {
      await pause(Math.min(left, limits.renewalCheckMilliseconds), stop);
    } else {
      try {
        await renewOnce(renewal, current, stop);
        backOff.reset();
      } catch (error) {
        if (stop.aborted) return;
        if (clock.now() > current.leaf.notAfter && toFault(error).code === 'certificate_expired') {
          given = serial;
          log(endedLine(current));
          continue;
        }
        log(`The certificate was not renewed and is tried again: ${errorText(error)}`);
        await backOff.pause(stop);
      }
    }
  }
}

/** Renews and takes the new certificate into use. */
export async function renewOnce(renewal: Renewal, current: Credentials, signal: AbortSignal): Promise<void> {
  await renewStored(renewal, current, signal);
  renewal.identity.refresh();
}

function endedLine({ leaf }: Credentials): string {
  const ended = new Date(leaf.notAfter).toISOString();
  return `The certificate of ${leaf.commonName} ended at ${ended} and could not be renewed; the gateway refuses every call from now on. Ask for a new join token and start once with --join-token-file.`;
}
