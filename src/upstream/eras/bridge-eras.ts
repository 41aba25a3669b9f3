import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Seal } from '../../kernel/seal.ts';
import type { UpstreamLimits } from '../limits.ts';
import type { Upstream, UpstreamRequest, UpstreamResponse } from '../upstream.ts';
import { createModernOverLegacy } from './modern-over-legacy.ts';
import { createServerSpeech } from './server-speech.ts';

export interface EraOptions {
  readonly era: 'auto' | 'modern' | 'legacy';
  readonly silenceIsLegacy: boolean;
  readonly clock: Clock;
  readonly limits: UpstreamLimits;
  /** Seals the state that a caller is given to come back with. */
  readonly seal: Seal;
  readonly log: (line: string) => void;
}

/** An upstream that takes requests of both eras, whichever its server speaks. */
export function bridgeEras(inner: Upstream, options: EraOptions): Upstream {
  const speech = createServerSpeech({ inner, ...options });
  const modern = createModernOverLegacy(inner, options);

  const send = async (request: UpstreamRequest): Promise<UpstreamResponse> => {
    if (request.inbound?.era !== 'modern' || (await speech.modern())) return await inner.send(request);
    return await modern.send(request);
  };

  return {
    name: inner.name,
    async send(request) {
      try {
        return await send(request);
      } catch (error) {
        // A server that fails may come back as another one.
        if (error instanceof Fault && failures.has(error.code)) speech.doubt();
        throw error;
      }
    },
    health: () => inner.health(),
    async endCaller(caller) {
      await modern.endCaller(caller);
      await inner.endCaller(caller);
    },
    async [Symbol.asyncDispose]() {
      await modern[Symbol.asyncDispose]();
      await inner[Symbol.asyncDispose]();
    },
  };
}

const failures: ReadonlySet<string> = new Set([
  'upstream_unreachable',
  'upstream_failed',
  'upstream_garbage',
]);
