import type { ServerWords } from '../../oauth/people/consent-page.ts';
import type { ConsentDoor } from '../../oauth/people/interaction-pages.ts';
import type { AuthorizationServer } from '../../oauth/server/authorization-server.ts';
import type { Authority } from '../authority/authority.ts';

/** What the page that asks a person for consent works on. */
export function consentDoor(
  { people, store }: Pick<Authority, 'people' | 'store'>,
  requests: AuthorizationServer,
): ConsentDoor {
  return {
    people: people.door,
    requests,
    scopesOf: people.scopesOf,
    serversOf: async (resources) => {
      const servers = await store.servers.list();
      return resources.map((resource): ServerWords => {
        const name = /\/mcp\/([^/]+)$/.exec(resource)?.[1];
        if (name === undefined) return { name: 'all servers that the agent may use', description: null };
        return { name, description: servers.find((server) => server.name === name)?.description || null };
      });
    },
  };
}
