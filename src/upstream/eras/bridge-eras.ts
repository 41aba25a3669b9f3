import type { Clock } from '../../kernel/clock.ts';
import type { Seal } from '../../kernel/seal.ts';
import type { UpstreamLimits } from '../limits.ts';
import type { Upstream } from '../upstream.ts';
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
  return {
    name: inner.name,
    async send(request) {
      if (request.inbound?.era === 'modern') await speech.modern();
      return await inner.send(request);
    },
    health: () => inner.health(),
    endCaller: (caller) => inner.endCaller(caller),
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
  };
}
