import type { JsonObject } from '../src/kernel/canonical-json.ts';
import { type Question, withoutLabels, withoutToken } from '../src/policy/question.ts';

/** A kind of policies and the questions about them. */
export interface PolicyWorld {
  readonly name: string;
  readonly policies: (count: number) => string;
  /** A call whose arguments decide, for even numbers with a permit. */
  readonly call: (at: number, count: number) => Question;
  /** A question that no arguments decide. */
  readonly look: (at: number) => Question;
  /** An item of a list of tools. */
  readonly item: (at: number, count: number) => Question;
}

const general = [
  'permit (principal in Role::"bench", action in Action::"read", resource);',
  'forbid (principal, action == Action::"tools/call", resource) when { context.arguments has path && context.arguments.path like "*..*" };',
];
const onPath = 'context.arguments has path && context.arguments.path like "/srv/*"';

/** Each policy about a role and a tool, as an organisation writes them; and the worst: none says in its scope what it is about. */
export const policyWorlds: readonly PolicyWorld[] = [
  {
    name: 'scoped',
    policies: (count) =>
      [
        ...general,
        ...numbered(count - general.length, (at) => {
          const scope = `principal in Role::"${at % 3 === 0 ? 'bench' : `r${at % 50}`}", action == Action::"tools/call", resource == Tool::"s/t${at}"`;
          return `permit (${scope}) when { ${onPath} };`;
        }),
      ].join('\n'),
    call: (at, count) =>
      question(`t${(at % 2 === 0 ? 0 : 3) + 3 * (at % Math.max(1, Math.floor((count - 8) / 6)))}`, at),
    look,
    item: (at) => question(`t${at}`, null),
  },
  {
    name: 'unscoped',
    policies: (count) =>
      [
        ...general,
        ...numbered(count - general.length, (at) => {
          return `permit (principal, action == Action::"tools/call", resource) when { ${onPath} && context.arguments.path like "*/${at}.txt" && resource.name == "t${at}" };`;
        }),
      ].join('\n'),
    call: (at) => question(`t${at % 8}`, at),
    look,
    item: (at) => question(`t${at}`, null),
  },
];

function numbered(count: number, policy: (at: number) => string): readonly string[] {
  return Array.from({ length: count }, (_, at) => policy(at));
}

function question(tool: string, at: number | null): Question {
  const path = at !== null && at % 2 === 0 ? `/srv/x/${tool.slice(1)}.txt` : '/etc/passwd';
  const given: JsonObject = { path, limit: 50, text: 'x'.repeat(200), tags: ['a', 'b'] };
  return about('tools/call', { kind: 'tool', name: tool }, at === null ? null : given);
}

function look(at: number): Question {
  return about(at % 2 === 0 ? 'tools/list' : 'initialize', { kind: 'server' }, null);
}

function about(action: string, target: Question['target'], given: JsonObject | null): Question {
  return {
    agent: { name: 'ci-bot', owner: 'team-a', roles: ['bench', 'guest'] },
    action,
    server: 's',
    target,
    context: {
      arguments: given,
      time: 1_800_000_000_000,
      address: '10.1.2.3',
      profile: 'agent',
      ...withoutToken,
      key: 'unknown',
      ...withoutLabels,
    },
  };
}
