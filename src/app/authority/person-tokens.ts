import type { Clock } from '../../kernel/clock.ts';
import type { PersonTokens } from '../../oauth/people/person-tokens.ts';
import type { Store } from '../store/store.ts';

/** The longest that `authority.tokens.accessSeconds` may be, and a minute for clocks that differ, in milliseconds. */
const longestAfterglow = 360_000;

/** What clients hold of people, in the records of the authorization server. */
export function personTokens({ oauth }: Pick<Store, 'oauth'>, clock: Clock): PersonTokens {
  const end = async (kind: 'person' | 'grant', key: string): Promise<void> => {
    const now = clock.now();
    await oauth.end({ kind, key, before: now, until: now + longestAfterglow });
  };
  return {
    async clients(person) {
      const grants = await oauth.grants(person, clock.now());
      return [...new Set(grants.map(({ client }) => client))];
    },
    end: (person) => end('person', person),
    async endClient(person, client) {
      for (const grant of await oauth.grants(person, clock.now())) {
        if (grant.client === client) await end('grant', grant.grantId);
      }
    },
  };
}
