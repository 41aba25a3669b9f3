import { randomBytes } from '../kernel/random.ts';
import { createSeal, type Seal } from '../kernel/seal.ts';
import { createTransport, type TransportOptions } from './create-transport.ts';
import { createSubjectTokens, type SubjectTokens } from './credential/subject-tokens.ts';
import { bridgeEras } from './eras/bridge-eras.ts';
import { defaultUpstreamLimits } from './limits.ts';
import { refusePlaintextDefinition } from './plaintext-definition.ts';
import type { ServerDefinition } from './server-definition.ts';
import type { Upstream } from './upstream.ts';

export interface UpstreamOptions extends TransportOptions {
  /** Seals what callers bring back; under a key of this upstream alone unless given. */
  readonly seal?: Seal;
}

/** The upstream of a definition, which takes requests of both eras whichever its server speaks. */
export function createUpstream(definition: ServerDefinition, options: UpstreamOptions): Upstream {
  // One that was stored before it would have been refused.
  refusePlaintextDefinition(definition);
  const subjects = createSubjectTokens();
  const bridged = bridgeEras(createTransport(definition, { ...options, subjects }), {
    clock: options.clock,
    limits: { ...defaultUpstreamLimits, ...options.limits, ...definition.timeouts },
    log: options.log,
    era: definition.era,
    silenceIsLegacy: definition.transport === 'stdio',
    seal: options.seal ?? createSeal(randomBytes(32)),
  });
  const exchanges = definition.transport !== 'stdio' && definition.credential !== undefined;
  return exchanges ? remembering(bridged, subjects) : bridged;
}

/** Sessions that bridge eras ask in the name of a caller; whose token that is, came with a request of the caller. */
function remembering(upstream: Upstream, subjects: SubjectTokens): Upstream {
  return {
    name: upstream.name,
    health: () => upstream.health(),
    async send(request) {
      if (request.subjectToken) subjects.remember(request.caller, request.subjectToken);
      return await upstream.send(request);
    },
    async endCaller(caller) {
      await upstream.endCaller(caller);
      subjects.forget(caller);
    },
    [Symbol.asyncDispose]: () => upstream[Symbol.asyncDispose](),
  };
}
