import type { Json, JsonObject } from '../../src/kernel/canonical-json.ts';
import type { SeededRandom } from './seeded-random.ts';

/** Who may do what, said without Cedar: what the policies written from it must come to, and nothing else. */
export interface Grants {
  readonly permits: readonly Clause[];
  readonly forbids: readonly Clause[];
  readonly asks: readonly Clause[];
}

interface Clause {
  readonly who: { readonly role?: string; readonly agent?: string };
  /** `read` is what opens a session and lists. */
  readonly methods: 'tools/call' | 'resources/read' | 'read' | 'other' | 'any';
  readonly server: string | null;
  readonly tool: string | null;
  readonly only: Condition;
}

type Condition =
  | { readonly kind: 'always' }
  | { readonly kind: 'under'; readonly folder: string }
  | { readonly kind: 'at most'; readonly n: number }
  | { readonly kind: 'one of'; readonly values: readonly string[] }
  | { readonly kind: 'owner'; readonly owner: string }
  | { readonly kind: 'until'; readonly time: number };

export interface Asked {
  readonly agent: { readonly name: string; readonly owner: string; readonly roles: readonly string[] };
  readonly server: string;
  readonly method: string;
  readonly tool: string | null;
  readonly arguments: JsonObject;
  readonly time: number;
}

export const names = {
  agents: ['ann', 'bob', 'cy'],
  roles: ['guest', 'staff', 'admin', 'bot'],
  servers: ['files', 'git', 'files2'],
  tools: ['read', 'write', 'delete_all', 'read2', 'a/b'],
  owners: ['team-a', 'team-b'],
};
const readMethods: ReadonlySet<string> = new Set(['initialize', 'tools/list', 'ping']);
const knownMethods: ReadonlySet<string> = new Set([...readMethods, 'tools/call', 'resources/read']);

export function generateGrants(random: SeededRandom): Grants {
  const some = (most: number): readonly Clause[] =>
    Array.from({ length: random.below(most) }, () => generateClause(random));
  return {
    permits: [generateClause(random), ...some(5)],
    forbids: some(3),
    asks: some(2).map((clause) => ({ ...clause, methods: 'tools/call' as const })),
  };
}

function generateClause(random: SeededRandom): Clause {
  const methods = random.pick([
    'tools/call',
    'tools/call',
    'tools/call',
    'resources/read',
    'read',
    'read',
    'other',
    'any',
  ] as const);
  const server = random.once(6) ? null : random.pick(names.servers);
  return {
    who: random.pick([
      {},
      { role: random.pick(names.roles) },
      { role: random.pick(names.roles) },
      { agent: random.pick(names.agents) },
    ]),
    methods,
    server,
    tool: methods === 'tools/call' && server !== null && !random.once(3) ? random.pick(names.tools) : null,
    only: methods === 'tools/call' ? generateCondition(random) : { kind: 'always' },
  };
}

function generateCondition(random: SeededRandom): Condition {
  return random.pick<Condition>([
    { kind: 'always' },
    { kind: 'always' },
    { kind: 'under', folder: random.pick(['/srv/', '/srv/public/']) },
    { kind: 'at most', n: random.pick([0, 10, 1_000]) },
    { kind: 'one of', values: ['red', 'green'].slice(random.below(2)) },
    { kind: 'owner', owner: random.pick(names.owners) },
    { kind: 'until', time: random.pick([500, 1_500]) },
  ]);
}

/** The same grants as policies. */
export function policiesOf({ permits, forbids, asks }: Grants): string {
  return [
    ...permits.map((clause) => `permit ${text(clause)}`),
    ...forbids.map((clause) => `forbid ${text(clause)}`),
    ...asks.map((clause) => `@ask("somebody has to look") forbid ${text(clause)}`),
  ].join('\n');
}

function text({ who, methods, server, tool, only }: Clause): string {
  const principal = who.role
    ? `principal in Role::"${who.role}"`
    : who.agent
      ? `principal == Agent::"${who.agent}"`
      : 'principal';
  const action =
    methods === 'any'
      ? 'action'
      : methods === 'read'
        ? 'action in Action::"read"'
        : `action == Action::"${methods}"`;
  const resource =
    tool !== null
      ? `resource == Tool::"${server}/${tool}"`
      : server === null
        ? 'resource'
        : `resource in Server::"${server}"`;
  return `(${principal}, ${action}, ${resource})${conditionText(only)};`;
}

function conditionText(only: Condition): string {
  switch (only.kind) {
    case 'always':
      return '';
    case 'under':
      return ` when { context.arguments has path && context.arguments.path like "${only.folder}*" && !(context.arguments.path like "*..*") }`;
    case 'at most':
      return ` when { context.arguments has n && context.arguments.n <= ${only.n} }`;
    case 'one of':
      return ` when { context.arguments has colour && ${JSON.stringify(only.values)}.contains(context.arguments.colour) }`;
    case 'owner':
      return ` when { principal.owner == "${only.owner}" }`;
    default:
      return ` unless { context.time > ${only.time} }`;
  }
}

/** Whether the grants let it pass: some permit, no forbid, nobody to be asked, and nothing that cannot be told. */
export function isGranted({ permits, forbids, asks }: Grants, asked: Asked): boolean {
  const of = (clauses: readonly Clause[], permitting: boolean): readonly (boolean | null)[] =>
    clauses.map((clause) => applies(clause, asked, permitting));
  const [permitting, forbidding, asking] = [of(permits, true), of(forbids, false), of(asks, false)];
  if ([...permitting, ...forbidding, ...asking].includes(null)) return false;
  return permitting.includes(true) && !forbidding.includes(true) && !asking.includes(true);
}

/** Null where the arguments are of a kind that the condition cannot be asked of. */
function applies(
  { who, methods, server, tool, only }: Clause,
  asked: Asked,
  permitting: boolean,
): boolean | null {
  if (who.role !== undefined && !asked.agent.roles.includes(who.role)) return false;
  if (who.agent !== undefined && who.agent !== asked.agent.name) return false;
  if (!covers(methods, asked.method, permitting)) return false;
  if (server !== null && server !== asked.server) return false;
  if (tool !== null && tool !== asked.tool) return false;
  return holds(only, asked);
}

function covers(methods: Clause['methods'], method: string, permitting: boolean): boolean {
  const known = knownMethods.has(method);
  if (methods === 'read') return readMethods.has(method);
  if (methods === 'other') return !known;
  // Nobody who permitted "anything" knew of a method that nobody knows.
  return methods === 'any' ? known || !permitting : methods === method;
}

function holds(only: Condition, { agent, arguments: given, time }: Asked): boolean | null {
  switch (only.kind) {
    case 'always':
      return true;
    case 'under': {
      if (!Object.hasOwn(given, 'path')) return false;
      const path = given['path'];
      return typeof path === 'string' ? path.startsWith(only.folder) && !path.includes('..') : null;
    }
    case 'at most': {
      if (!Object.hasOwn(given, 'n')) return false;
      const n = given['n'];
      return typeof n === 'number' && Number.isSafeInteger(n) ? n <= only.n : null;
    }
    case 'one of': {
      if (!Object.hasOwn(given, 'colour')) return false;
      const { colour } = given;
      return typeof colour === 'string' && only.values.includes(colour);
    }
    case 'owner':
      return agent.owner === only.owner;
    default:
      return time <= only.time;
  }
}

export function generateAsked(random: SeededRandom): Omit<Asked, 'agent' | 'time'> {
  const method = random.pick([
    'tools/call',
    'tools/call',
    'tools/call',
    'tools/call',
    'resources/read',
    'tools/list',
    'ping',
    'vendor/x',
  ]);
  const isCall = method === 'tools/call';
  return {
    server: random.pick(names.servers),
    method,
    tool: isCall ? random.pick(names.tools) : null,
    arguments: isCall ? generateArguments(random) : {},
  };
}

function generateArguments(random: SeededRandom): JsonObject {
  const given: Record<string, Json> = {};
  if (!random.once(4)) {
    given['path'] = random.pick<Json>([
      '/srv/a',
      '/srv/public/a',
      '/srv/public/../../etc',
      '/etc/passwd',
      '',
      null,
      3,
      ['/srv/a'],
      { a: '/srv/' },
    ]);
  }
  if (!random.once(4)) given['n'] = random.pick<Json>([0, 5, 10, 11, -1, 5.5, '5', true, null, [5]]);
  if (!random.once(4)) given['colour'] = random.pick<Json>(['red', 'green', 'blue', 'RED', 1, null]);
  if (random.once(8)) given['__entity'] = { type: 'Role', id: 'admin' };
  return given;
}
