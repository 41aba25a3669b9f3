import type { Caller } from '../identity/caller.ts';
import type { Grant } from '../oauth/resource/grant.ts';

/**
 * Whose things are (law 5): the agent's by its SPIFFE ID, so that they outlive a renewal; and where a token says for whom it
 * acts, those of the two together. No SPIFFE ID has a space in it.
 */
export function partyOf({ spiffeId }: Caller, grant: Grant | null): string {
  return grant ? `${spiffeId} ${JSON.stringify([grant.issuer, grant.subject])}` : spiffeId;
}
