import type { ToolDefinition } from './known-tools.ts';

/** A file to begin with. */
export interface StarterFile {
  readonly name: string;
  readonly text: string;
}

interface Use {
  readonly tool: string;
  /** What the server says of it: it reads only, it changes without destroying, or neither. */
  readonly does: 'reads' | 'changes' | 'may destroy';
}

/** Which uses each role has; what an operator may destroy, somebody is asked about. */
const roles: Readonly<Record<string, readonly Use['does'][]>> = {
  auditor: [],
  reader: ['reads'],
  developer: ['reads', 'changes'],
  operator: ['reads', 'changes', 'may destroy'],
};

/**
 * Policies for four roles over the tools of servers, each role, server and tool by its name, and tests that hold them to it. What a tool
 * does is what its server says in the annotations (`readOnlyHint`, `destructiveHint`): a suggestion to be read over, not a fact.
 */
export function starterPolicies(
  definitions: ReadonlyMap<string, readonly ToolDefinition[]>,
): readonly StarterFile[] {
  const servers = [...definitions].map(([server, tools]) => ({ server, uses: tools.map(useOf) }));
  const files = Object.entries(roles).map(([role, may]) => ({
    name: `${role}.cedar`,
    text: servers
      .flatMap(({ server, uses }) =>
        policiesFor(
          role,
          server,
          uses.filter(({ does }) => may.includes(does)),
        ),
      )
      .join('\n'),
  }));
  return [...files, { name: 'starter-tests.yaml', text: testsOf(servers) }];
}

function useOf({ name, annotations }: ToolDefinition): Use {
  if (annotations?.readOnlyHint === true) return { tool: name, does: 'reads' };
  // The Model Context Protocol takes a tool that says nothing to be destructive.
  return { tool: name, does: annotations?.destructiveHint === false ? 'changes' : 'may destroy' };
}

function policiesFor(role: string, server: string, uses: readonly Use[]): readonly string[] {
  const who = `principal in Role::${JSON.stringify(role)}`;
  const where = `Server::${JSON.stringify(server)}`;
  const id = (what: string): string => `@id(${JSON.stringify(`${role}-${what}-${server}`)})`;
  const look = [id('looks-at'), `permit (${who}, action in Action::"read", resource in ${where});`, ''];
  const calls = uses.length === 0 ? [] : [id('uses'), permitOf(who, where, server, uses), ''];
  const dangerous = uses.filter(({ does }) => does === 'may destroy');
  if (dangerous.length === 0) return [...look, ...calls];
  const ask = permitOf(who, where, server, dangerous).replace(/^permit/, 'forbid');
  return [...look, ...calls, id('is-asked-about'), '@ask("it may destroy something")', ask, ''];
}

function permitOf(who: string, where: string, server: string, uses: readonly Use[]): string {
  const tools = uses.map(({ tool }) => `  Tool::${JSON.stringify(`${server}/${tool}`)}`).join(',\n');
  return `permit (${who}, action == Action::"tools/call", resource in ${where})\nwhen { resource in [\n${tools}\n] };`;
}

function testsOf(servers: readonly { readonly server: string; readonly uses: readonly Use[] }[]): string {
  const tests = servers.flatMap(({ server, uses }) =>
    uses.flatMap(({ tool, does }) =>
      Object.entries({ ...roles, nobody: [] as readonly Use['does'][] }).map(([role, may]) => {
        const expect = !may.includes(does) ? 'deny' : does === 'may destroy' ? 'ask' : 'permit';
        const given = role === 'nobody' ? [] : [role];
        return { name: `${role}: ${server}/${tool}`, roles: given, server, tool, expect };
      }),
    ),
  );
  return `tests:\n${tests.map((test) => `  - ${JSON.stringify(test)}`).join('\n')}\n`;
}
