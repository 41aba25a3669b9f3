import { randomBytes } from '../kernel/random.ts';
import { createSeal, type Seal } from '../kernel/seal.ts';
import { createTransport, type TransportOptions } from './create-transport.ts';
import { bridgeEras } from './eras/bridge-eras.ts';
import { defaultUpstreamLimits } from './limits.ts';
import type { ServerDefinition } from './server-definition.ts';
import type { Upstream } from './upstream.ts';

export interface UpstreamOptions extends TransportOptions {
  /** Seals what callers bring back; under a key of this upstream alone unless given. */
  readonly seal?: Seal;
}

/** The upstream of a definition, which takes requests of both eras whichever its server speaks. */
export function createUpstream(definition: ServerDefinition, options: UpstreamOptions): Upstream {
  return bridgeEras(createTransport(definition, options), {
    clock: options.clock,
    limits: { ...defaultUpstreamLimits, ...options.limits, ...definition.timeouts },
    log: options.log,
    era: definition.era,
    silenceIsLegacy: definition.transport === 'stdio',
    seal: options.seal ?? createSeal(randomBytes(32)),
  });
}
