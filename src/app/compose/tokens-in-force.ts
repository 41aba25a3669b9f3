import type { JSONWebKeySet } from 'jose';
import type { EndedGrants } from '../../oauth/resource/ports.ts';
import { ownTokenIssuer, type TokenIssuer, type TokenRules } from '../../oauth/resource/token-rules.ts';
import type { TokenTrust } from '../feed/feed-message.ts';
import type { RegistryView } from '../feed/registry-view.ts';

/**
 * The token rules of the policy folder together with what the feed says of the authority's own tokens. `gateway`: where agents
 * reach the gateways. The value is another one whenever anything in it is.
 */
export function tokensInForce(
  view: Pick<RegistryView, 'tokenRules' | 'tokens' | 'ended'>,
  gateway: () => string,
): { readonly rules: () => TokenRules; readonly ended: EndedGrants } {
  let made: { readonly from: readonly unknown[]; readonly rules: TokenRules } | null = null;
  return {
    rules() {
      const file = view.tokenRules();
      const trust = view.tokens();
      if (made && made.from[0] === file && made.from[1] === trust) return made.rules;
      const issuers = trust ? [ownTokens(trust), ...file.issuers] : file.issuers;
      made = { from: [file, trust], rules: Object.freeze({ ...file, issuers, gateway: gateway() }) };
      return made.rules;
    },
    ended: {
      // Issuers elsewhere tell nobody which of their tokens they have ended: those live until their end.
      isEnded({ issuer, tokenId, grantId, subject, agent, issuedAt }) {
        if (issuer !== view.tokens()?.issuer) return false;
        if (tokenId === null || issuedAt === null) return true;
        return view.ended.isEnded({ jti: tokenId, gid: grantId, sub: subject, agent, issuedAt });
      },
    },
  };
}

function ownTokens({ issuer, keys }: TokenTrust): TokenIssuer {
  return ownTokenIssuer(issuer, { kind: 'set', set: { keys: keys as unknown as JSONWebKeySet['keys'] } });
}
