import type { Clock } from '../kernel/clock.ts';
import type { ProofReplays } from '../oauth/resource/ports.ts';
import type { RedisLink } from './redis-link.ts';
import { useOnce } from './used-once.ts';

/** DPoP proofs that are used once by all gateways together; `local` is asked first, as for nonces. */
export function redisReplays(link: RedisLink, clock: Clock, local: ProofReplays): ProofReplays {
  return {
    async take(used) {
      if (!(await local.take(used))) return false;
      const until = clock.now() + used.milliseconds;
      return await useOnce(link, clock, { names: ['proof', used.proof], from: used.from, until });
    },
  };
}
