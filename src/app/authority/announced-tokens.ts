import type { Clock } from '../../kernel/clock.ts';
import type { Seal } from '../../kernel/seal.ts';
import { tokenAfterglow } from '../../oauth/server/oauth-records.ts';
import { openTokenKeys, type TokenKeys } from '../../oauth/server/token-keys.ts';
import type { FeedTrust, TokenTrust } from '../feed/feed-message.ts';
import type { Store } from '../store/store.ts';

/** Whose access tokens gateways are told to take: nobody's, until the authorization server of this process is there. */
export interface AnnouncedTokens {
  announce(trust: TokenTrust, rotate: TokenKeys['rotate']): void;
  trust(): Pick<FeedTrust, 'tokens'>;
  /** By the authorization server at work; without one, on what is stored. Throws Fault `conflict`. */
  readonly rotate: TokenKeys['rotate'];
}

export function announcedTokens(parts: {
  readonly store: Pick<Store, 'oauth'>;
  readonly secrets: Seal;
  readonly clock: Clock;
}): AnnouncedTokens {
  const { store, secrets, clock } = parts;
  let announced: { readonly tokens: TokenTrust; readonly rotate: TokenKeys['rotate'] } | null = null;
  return {
    announce(tokens, rotate) {
      announced = { tokens, rotate };
    },
    trust: () => (announced ? { tokens: announced.tokens } : {}),
    async rotate(compromised) {
      if (announced) return await announced.rotate(compromised);
      const keys = await openTokenKeys({ records: store.oauth, secrets, clock, keptFor: tokenAfterglow });
      return await keys.rotate(compromised);
    },
  };
}
