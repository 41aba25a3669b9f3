import type { Clock } from '../kernel/clock.ts';
import type { UsedNonces } from '../oauth/signed-call/used-nonces.ts';
import type { RedisLink } from './redis-link.ts';
import { useOnce } from './used-once.ts';

/**
 * Nonces of one kind that are taken once by all gateways together. `local` is asked first: what this gateway has taken itself it never takes
 * again, whatever the shared memory says, and the room of one key stays bounded.
 */
export function redisNonces(link: RedisLink, kind: string, clock: Clock, local: UsedNonces): UsedNonces {
  return {
    async take(thumbprint, nonce, time) {
      if (!(await local.take(thumbprint, nonce, time))) return false;
      return await useOnce(link, clock, { names: [kind, thumbprint, nonce], ...time });
    },
  };
}
