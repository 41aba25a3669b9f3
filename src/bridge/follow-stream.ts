import { errorText, Fault } from '../kernel/fault.ts';
import { type Answer, readAnswers, readWhole } from './answers.ts';
import { createBackOff, pause } from './back-off.ts';
import type { GatewayResponse } from './gateway-connection.ts';
import type { BridgeLimits } from './limits.ts';

/** A stream that is opened with GET, and again after every break (MCP 2025-11-25, Resumability and Redelivery). */
export interface FollowedStream {
  open(lastEventId: string | null): Promise<GatewayResponse>;
  deliver(answer: Answer): Promise<void>;
  /** Whether what it is followed for has come. */
  done(): boolean;
  readonly lastEventId: string | null;
  /** The wait that the server asked for before the first opening, in milliseconds. */
  readonly retry: number | null;
  /** Openings in a row without an event before it is given up; null never gives up. */
  readonly attempts: number | null;
  readonly limits: BridgeLimits;
  readonly signal: AbortSignal;
}

/** Longer waits of a server are not believed. */
const longestRetry = 300_000;

/** How a stream came to its end: all there, not offered, its session gone, or given up. */
export type StreamEnd = 'done' | 'not-offered' | 'session-ended' | 'given-up';

/** Follows a stream to its end; never throws. */
export async function followStream(stream: FollowedStream): Promise<StreamEnd> {
  const { limits, signal } = stream;
  const backOff = createBackOff(limits);
  let { lastEventId, retry } = stream;
  let fruitless = 0;
  const wait = async (): Promise<void> => {
    if (retry === null) await backOff.pause(signal);
    else await pause(Math.min(retry, longestRetry), signal);
  };
  if (retry !== null) await wait();
  while (!signal.aborted && !stream.done()) {
    const opened = await open(stream, lastEventId);
    if (typeof opened === 'string') return opened;
    let heard = false;
    if (opened) {
      const { response } = opened;
      try {
        for await (const answer of readAnswers(response, limits.messageBytes)) {
          heard = true;
          lastEventId = answer.eventId ?? lastEventId;
          retry = answer.retry ?? retry;
          await stream.deliver(answer);
          if (stream.done()) return 'done';
        }
      } catch {
        // A break is what this loop is for; a stream that breaks without a word runs out of attempts.
      }
    }
    if (heard) backOff.reset();
    fruitless = heard ? 0 : fruitless + 1;
    if (stream.attempts !== null && fruitless >= stream.attempts) return 'given-up';
    if (!signal.aborted) await wait();
  }
  return stream.done() ? 'done' : 'given-up';
}

/** null when it is worth another attempt. */
async function open(
  stream: FollowedStream,
  lastEventId: string | null,
): Promise<{ readonly response: GatewayResponse } | StreamEnd | null> {
  try {
    const response = await stream.open(lastEventId);
    if (response.status === 200) return { response };
    const body = await readWhole(response, stream.limits.messageBytes);
    if (response.status === 404 && !errorText(Buffer.from(body).toString()).includes('server_unknown'))
      return 'session-ended';
    // 409: the server has not noticed yet that the last stream broke. 429 and 5xx pass.
    const passing = response.status === 409 || response.status === 429 || response.status >= 500;
    return passing ? null : 'not-offered';
  } catch (error) {
    const lasting = error instanceof Fault && ['gateway_untrusted', 'too_large'].includes(error.code);
    return lasting ? 'given-up' : null;
  }
}
