import {
  type DeviceAuthorizationResponse,
  ResponseBodyError,
  type TokenEndpointResponse,
} from 'oauth4webapi';
import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';

/** RFC 8628 §3.2 and §3.5, in seconds: how often is asked unless the provider says, and how much slower when told to. */
const usualInterval = 5;
const slower = 5;

/**
 * Asks again and again until the person has entered the code. Throws Fault `timed_out` when they do not, the reason of the signal,
 * or what asking throws.
 */
export async function untilEntered(
  device: Pick<DeviceAuthorizationResponse, 'expires_in' | 'interval'>,
  wait: {
    readonly clock: Clock;
    readonly signal: AbortSignal;
    readonly pause: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  },
  ask: () => Promise<TokenEndpointResponse>,
): Promise<TokenEndpointResponse> {
  const { clock, signal, pause } = wait;
  const endsAt = clock.monotonic() + device.expires_in * 1_000;
  let interval = device.interval ?? usualInterval;
  while (clock.monotonic() < endsAt) {
    await pause(interval * 1_000, signal);
    const token = await ask().catch(waiting);
    if (typeof token !== 'string') return token;
    if (token === 'slow_down') interval += slower;
  }
  throw new Fault('timed_out', 'Nobody entered the code in time. Run the command again.');
}

/** RFC 8628 §3.5: which errors are no end. */
function waiting(error: unknown): 'authorization_pending' | 'slow_down' {
  const code = error instanceof ResponseBodyError ? error.error : null;
  if (code === 'authorization_pending' || code === 'slow_down') return code;
  throw error;
}
