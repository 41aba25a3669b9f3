import type { ConsentDoor } from '../../oauth/people/interaction-pages.ts';
import type { ScopeNeed, ServerWords } from '../../oauth/people/scope-words.ts';
import { fitsDemand } from '../../oauth/resource/check-demands.ts';
import type { ServerTokenRule } from '../../oauth/resource/token-rules.ts';
import type { AuthorizationServer } from '../../oauth/server/authorization-server.ts';
import type { Authority } from '../authority/authority.ts';

/** What the page that asks a person for consent works on. */
export function consentDoor(
  { people, store, tokenRules }: Pick<Authority, 'people' | 'store' | 'tokenRules'>,
  requests: AuthorizationServer,
): ConsentDoor {
  return {
    people: people.door,
    requests,
    scopesOf: people.scopesOf,
    serversOf: async (resources, scopes) => {
      const servers = await store.servers.list();
      const rules = tokenRules().servers;
      return await Promise.all(
        resources.map(async (resource): Promise<ServerWords> => {
          const name = /\/mcp\/([^/]+)$/.exec(resource)?.[1];
          if (name === undefined) {
            const needs = [...rules.values()].flatMap(needsOf);
            return { name: 'all servers that the agent may use', description: null, needs, tools: [] };
          }
          const server = servers.find((each) => each.name === name);
          const rule = rules.get(name);
          const known = (await store.tools.list(name)).filter(
            ({ state }) => state === 'approved' || state === 'waiting',
          );
          return {
            name,
            description: server?.description || null,
            needs: rule ? needsOf(rule) : [],
            tools: known.map(({ tool }) => tool).filter((tool) => !rule || isOpen(tool, rule, scopes)),
          };
        }),
      );
    },
  };
}

function needsOf({ scopes, demands }: ServerTokenRule): readonly ScopeNeed[] {
  return [
    ...scopes.map((scope): ScopeNeed => ({ scope, what: { kind: 'everything' } })),
    ...demands.flatMap(({ methods, tools, scopes: wanted, stepUpScope }) =>
      [...wanted, ...(stepUpScope === null ? [] : [stepUpScope])].map((scope): ScopeNeed => {
        const what = tools
          ? ({ kind: 'tools', names: tools } as const)
          : ({ kind: 'methods', names: [...methods] } as const);
        return { scope, what };
      }),
    ),
  ];
}

/** Whether the scopes are enough for a tool. */
function isOpen(tool: string, rule: ServerTokenRule, scopes: readonly string[]): boolean {
  const demands = rule.demands.filter((demand) => fitsDemand(demand, { method: 'tools/call', tool }));
  return [...rule.scopes, ...demands.flatMap((demand) => demand.scopes)].every((scope) =>
    scopes.includes(scope),
  );
}
