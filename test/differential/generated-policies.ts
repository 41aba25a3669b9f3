import type { SeededRandom } from './seeded-random.ts';

/** What an expression should come to; now and then the generator gives something else on purpose. */
type Kind =
  | 'bool'
  | 'long'
  | 'string'
  | 'entity'
  | 'set'
  | 'record'
  | 'ipaddr'
  | 'decimal'
  | 'datetime'
  | 'duration';

const kinds: readonly Kind[] = [
  'bool',
  'long',
  'string',
  'entity',
  'set',
  'record',
  'ipaddr',
  'decimal',
  'datetime',
  'duration',
];

/** Members of `context.arguments`, so that conditions and calls speak of the same ones. */
export const argumentNames = [
  'a',
  'b',
  'n',
  'path',
  'tags',
  'deep',
  'amount',
  'host',
  'when',
  '__entity',
  'toString',
  '__proto__',
];

export const texts = [
  '',
  'a',
  'b',
  'path',
  '/srv/public/a.txt',
  '/srv/public/../x',
  'a*b',
  'ключ',
  '😀x',
  'ci-bot',
  'team-a',
  'files',
  'read',
  '10.1.2.3',
  '10.0.0.0/8',
  '127.0.0.1/8',
  '::1',
  'ff02::1/16',
  '1::2:3:4:5:6:7:8',
  '::ffff:1.2.3.4',
  '01.2.3.4',
  '1.2.3.4/033',
  '0.0.0.0/0',
  '1.5',
  '-0.5',
  '0.0001',
  '1.23456',
  '922337203685477.5807',
  '922337203685477.5808',
  '-922337203685477.5808',
  '1.',
  '-1.0',
  '01.10',
  '2026-11-25',
  '2026-11-25T22:05:00Z',
  '2026-02-29',
  '2024-02-29',
  '0000-01-01',
  '2026-11-25T22:05:00.123+0530',
  '2026-11-25T24:00:00Z',
  '2026-11-25T22:05:60Z',
  '2026-11-25T22:05:00-2360',
  '1d',
  '-1d2h3m4s5ms',
  '5ms',
  '1h1d',
  '106751991167d',
  '9223372036854775808ms',
  '-9223372036854775808ms',
  '-',
  '-0d',
  '1970-01-01T00:00:00.000-0001',
] as const;

const longs = [
  '0',
  '1',
  '-1',
  '2',
  '3',
  '5',
  '1000',
  '9007199254740991',
  '-9007199254740991',
  '1800000000000',
];
const entities = [
  'principal',
  'resource',
  'action',
  'Role::"guest"',
  'Role::"staff"',
  'Agent::"ci-bot"',
  'Agent::"other"',
  'Server::"files"',
  'Tool::"files/read"',
  'Tool::"files/write"',
  'Null::"null"',
  'Action::"read"',
  'Action::"tools/call"',
];
const patterns = [
  '*',
  'a*',
  '*b',
  '/srv/public/*',
  '*..*',
  'a\\*b',
  '*a*b*',
  '',
  '**',
  '😀*',
  '*.*.*',
  'ci-bot',
];
const tagConditions = [
  '!(principal.hasTag("a"))',
  'context.arguments.a.hasTag("a")',
  'resource.getTag("a") == 1',
  'Null::"null".hasTag(context.arguments.b)',
  'context.arguments has n && !(principal.hasTag("a"))',
];
const contextMembers: readonly (readonly [string, Kind])[] = [
  ['time', 'long'],
  ['address', 'string'],
  ['ip', 'ipaddr'],
  ['profile', 'string'],
  ['binding', 'string'],
  ['key', 'string'],
  ['acr', 'string'],
  ['actor', 'string'],
  ['actors', 'set'],
  ['passport', 'string'],
  ['passportScopes', 'set'],
  ['passportReputation', 'long'],
  ['scopes', 'set'],
  ['labels', 'set'],
  ['touched', 'set'],
  ['method', 'string'],
  ['arguments', 'record'],
];

/** A policy file of some rules in Cedar's text form. Not every rule would pass the checks at load; all can be evaluated. */
export function generatePolicies(random: SeededRandom): string {
  const count = 1 + random.below(8);
  const rules = Array.from({ length: count }, (_, at) => `@id("p${at}") ${annotated(random, rule(random))}`);
  // What gives way to an approval alone is rare among rules that know nothing of one another.
  if (random.once(3)) rules.splice(1, rules.length, ...askedAbout);
  return rules.join('\n');
}

const askedAbout = [
  '@id("anything") permit (principal, action, resource);',
  '@id("asked") @ask("why") forbid (principal, action == Action::"tools/call", resource in Server::"files");',
];

/** Half of the forbids give way to an approval. */
function annotated(random: SeededRandom, text: string): string {
  if (!text.startsWith('forbid') || random.once(2)) return text;
  return random.once(2) ? `@ask("why") ${text}` : `@ask("why") @approver("another") ${text}`;
}

function rule(random: SeededRandom): string {
  const effect = random.below(3) === 0 ? 'forbid' : 'permit';
  const principal = random.pick([
    'principal',
    'principal',
    'principal',
    'principal in Role::"guest"',
    'principal in Role::"staff"',
    'principal == Agent::"ci-bot"',
    'principal is Agent',
    'principal is Agent in Role::"guest"',
    'principal in Agent::"ci-bot"',
    'principal == Role::"guest"',
    'principal is Role',
  ]);
  const action = random.pick([
    'action',
    'action',
    'action == Action::"tools/call"',
    'action == Action::"tools/call"',
    'action in Action::"read"',
    'action in [Action::"prompts/get", Action::"tools/call"]',
    'action == Action::"other"',
    'action in Action::"tools/call"',
  ]);
  const resource = random.pick([
    'resource',
    'resource',
    'resource',
    'resource == Tool::"files/read"',
    'resource in Server::"files"',
    'resource is Tool',
    'resource is Tool in Server::"files"',
    'resource in Tool::"files/read"',
    'resource == Server::"files"',
    'resource is Prompt in Server::"git"',
  ]);
  const conditions = Array.from({ length: random.below(3) }, () => {
    const kind = random.below(3) === 0 ? 'unless' : 'when';
    return ` ${kind} { ${expression(random, random.once(25) ? random.pick(kinds) : 'bool', 4)} }`;
  });
  // Tags are left to Cedar: rules of both kinds decide together.
  const tag = random.once(20) ? ` when { ${random.pick(tagConditions)} }` : '';
  return `${effect} (${principal}, ${action}, ${resource})${tag}${conditions.join('')};`;
}

function expression(random: SeededRandom, wanted: Kind, depth: number): string {
  const kind = random.once(30) ? random.pick(kinds) : wanted;
  const under = (below: Kind): string => expression(random, below, depth - 1);
  if (depth <= 0 || random.once(5)) return leaf(random, kind);
  if (random.once(14)) return `(if ${under('bool')} then ${under(kind)} else ${under(kind)})`;
  if (random.once(25))
    return `{${random.pick(argumentNames.slice(0, 5))}: ${under(kind)}, "z z": ${under('long')}}.${random.pick(['a', 'n', 'path'])}`;
  switch (kind) {
    case 'bool':
      return condition(random, under);
    case 'long':
      return random.pick([
        () => `(${under('long')} ${random.pick(['+', '-', '*'])} ${under('long')})`,
        () => `(-(${under('long')}))`,
        () =>
          `${under('duration')}.${random.pick(['toMilliseconds', 'toSeconds', 'toMinutes', 'toHours', 'toDays'])}()`,
        () => leaf(random, 'long'),
      ])();
    case 'set':
      return `[${Array.from({ length: random.below(4) }, () => under(random.once(4) ? random.pick(kinds) : random.pick(['string', 'long', 'entity'] as const))).join(', ')}]`;
    case 'record':
      return random.once(3)
        ? leaf(random, 'record')
        : `{${random.pick(['a', 'b'])}: ${under(random.pick(kinds))}, "c d": ${under(random.pick(kinds))}}`;
    case 'datetime':
      return random.pick([
        () => `${under('datetime')}.offset(${under('duration')})`,
        () => `${under('datetime')}.toDate()`,
        () => leaf(random, kind),
      ])();
    case 'duration':
      return random.pick([
        () => `${under('datetime')}.durationSince(${under('datetime')})`,
        () => `${under('datetime')}.toTime()`,
        () => leaf(random, kind),
      ])();
    default:
      return leaf(random, kind);
  }
}

function condition(random: SeededRandom, under: (kind: Kind) => string): string {
  const same = random.pick(kinds);
  const ordered = random.pick(['long', 'long', 'long', 'datetime', 'duration', 'string'] as const);
  const forms: readonly (() => string)[] = [
    () => `(${under('bool')} && ${under('bool')})`,
    () => `(${under('bool')} && ${under('bool')})`,
    () => `(${under('bool')} || ${under('bool')})`,
    () => `!(${under('bool')})`,
    () => `(${under(same)} ${random.pick(['==', '!='])} ${under(same)})`,
    () => `(${under(ordered)} ${random.pick(['<', '<=', '>', '>='])} ${under(ordered)})`,
    () => `(${under('entity')} in ${under(random.pick(['entity', 'entity', 'set']))})`,
    () => `(${under('entity')} is ${random.pick(['Agent', 'Tool', 'Role', 'Server', 'Null', 'Action'])})`,
    () => `(${under('entity')} is Agent in ${under('entity')})`,
    () => `${under('set')}.contains(${under(random.pick(['string', 'long', 'entity']))})`,
    () => `${under('set')}.${random.pick(['containsAll', 'containsAny'])}(${under('set')})`,
    () => `${under('set')}.isEmpty()`,
    () => `(${under('string')} like "${random.pick(patterns)}")`,
    () =>
      `(${under(random.pick(['record', 'entity']))} has ${random.pick(['a', 'n', 'name', 'owner', 'uri', '"c d"', 'a.b', 'deep.a.b', 'toString'])})`,
    () => guarded(random),
    () => guarded(random),
    () => `(context has ${random.pick(['arguments', 'ip', 'arguments.deep.a', 'arguments.path', 'time'])})`,
    () => `${under('ipaddr')}.${random.pick(['isIpv4', 'isIpv6', 'isLoopback', 'isMulticast'])}()`,
    () => `${under('ipaddr')}.isInRange(${under('ipaddr')})`,
    () =>
      `${under('decimal')}.${random.pick(['lessThan', 'lessThanOrEqual', 'greaterThan', 'greaterThanOrEqual'])}(${under('decimal')})`,
  ];
  return random.pick(forms)();
}

/** The usual form of a condition on arguments. */
function guarded(random: SeededRandom): string {
  const name = random.pick(argumentNames);
  const path = random.once(3) ? 'context.arguments.deep' : 'context.arguments';
  const test = random.pick([
    'like "/srv/*"',
    '== "a"',
    '== 3',
    '< 5',
    '!= Null::"null"',
    'like "*"',
    '== ["a", "b"]',
    '== principal.owner',
    '== {}',
  ]);
  return `(${path} has ${name} && ${path}.${name} ${test})`;
}

function leaf(random: SeededRandom, kind: Kind): string {
  if (random.once(3)) return `context.arguments.${random.pick(argumentNames)}`;
  if (random.once(5)) {
    const members = contextMembers.filter(([, of]) => of === kind);
    if (members.length > 0) return `context.${random.pick(members)[0]}`;
  }
  if (kind === 'string' && random.once(3)) {
    return random.pick([
      'principal.name',
      'principal.owner',
      'principal.profile',
      'resource.name',
      'resource.server',
      'resource.uri',
      'action.name',
      'Role::"guest".name',
    ]);
  }
  const text = JSON.stringify(random.once(12) ? random.pick(texts) : random.pick(fitting(kind)));
  switch (kind) {
    case 'bool':
      return random.pick(['true', 'false']);
    case 'long':
      return random.pick(longs);
    case 'string':
      return text;
    case 'entity':
      return random.pick(entities);
    case 'set':
      return random.pick([
        '[]',
        '["a", "b"]',
        '[1, 2, 3]',
        '[1, "1", true]',
        '[principal, Role::"guest"]',
        '[[1], ["a"], {}]',
        'context.arguments.tags',
      ]);
    case 'record':
      return random.pick([
        '{}',
        '{a: 1}',
        '{a: {b: "x"}}',
        'context',
        'context.arguments',
        'context.arguments.deep',
        '{"__proto__": 1, "toString": 2}',
      ]);
    case 'ipaddr':
      return `ip(${argument(random, text)})`;
    case 'decimal':
      return `decimal(${argument(random, text)})`;
    case 'datetime':
      return `datetime(${argument(random, text)})`;
    default:
      return `duration(${argument(random, text)})`;
  }
}

function argument(random: SeededRandom, text: string): string {
  return random.once(5) ? `context.arguments.${random.pick(argumentNames)}` : text;
}

function fitting(kind: Kind): readonly string[] {
  switch (kind) {
    case 'ipaddr':
      return texts.filter((text) => /^[0-9a-f:./]+$/.test(text) && /[:.]/.test(text));
    case 'decimal':
      return texts.filter((text) => /^-?\d+\.\d*$/.test(text));
    case 'datetime':
      return texts.filter((text) => /^\d{4}-/.test(text));
    case 'duration':
      return texts.filter((text) => /^-?(\d+(d|h|m|s|ms))*$/.test(text));
    default:
      return texts;
  }
}
