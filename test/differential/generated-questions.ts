import type { Json, JsonObject } from '../../src/kernel/canonical-json.ts';
import type { Question } from '../../src/policy/question.ts';
import { argumentNames, texts } from './generated-policies.ts';
import type { SeededRandom } from './seeded-random.ts';

const numbers = [
  0,
  -0,
  1,
  3,
  5,
  -1,
  1.5,
  0.1,
  -0.5,
  1e-7,
  1.23456,
  2 ** 53,
  -(2 ** 53) + 1,
  1e21,
  922_337_203_685_477.25,
];

/** A question whose names and arguments are those that generated policies speak of, and others. */
export function generateQuestion(random: SeededRandom): Question {
  const action = random.pick([
    'tools/call',
    'tools/call',
    'tools/call',
    'tools/call',
    'prompts/get',
    'resources/read',
    'tools/list',
    'ping',
    'vendor/thing',
  ]);
  return {
    agent: {
      name: random.pick(['ci-bot', 'ci-bot', 'other', 'a"b\\', '😀']),
      owner: random.pick(['team-a', 'a', '']),
      roles: random.pick([['guest'], ['guest'], ['staff', 'guest'], [], ['guest', 'guest']]),
    },
    action,
    server: random.pick(['files', 'files', 'files', 'git', 'a/b']),
    target: targetOf(random, action),
    context: {
      arguments: random.once(12) ? null : generateArguments(random),
      time: random.pick([0, 1, 5, 1_800_000_000_000, 1_800_000_000_000.5, -1, -0.5]),
      address: random.pick(['10.1.2.3', '::ffff:10.1.2.3', '::1', 'fe80::1%eth0', 'unix', '127.0.0.1']),
      profile: random.pick(['agent', 'ephemeral']),
      binding: random.pick(['certificate', 'mtls']),
      person: random.pick([null, 'alice', 'a']),
      client: random.pick([null, 'a']),
      scopes: random.pick([[], ['a'], ['files:read', 'a']]),
      labels: random.pick([[], ['a'], ['a', 'private']]),
      touched: random.pick([[], ['private'], ['a', '']]),
      acr: random.pick([null, 'a']),
      actors: random.pick([[], ['a'], ['a', 'ci-bot'], ['ci-bot', 'a']]),
      key: random.pick(['hardware', 'unknown']),
      passport: random.pick([
        null,
        { issuer: 'a', scopes: [], values: ['a'], reputation: 5, reversibility: 'tentative' },
        { issuer: 'did:key:z', scopes: ['a', 'files:read'], values: [], reputation: 0, reversibility: 'a' },
      ]),
    },
  };
}

function targetOf(random: SeededRandom, action: string): Question['target'] {
  const name = random.pick(['read', 'read', 'write', 'a/b', 'ключ']);
  switch (action) {
    case 'tools/call':
      return { kind: 'tool', name };
    case 'prompts/get':
      return { kind: 'prompt', name };
    case 'resources/read':
      return { kind: 'resource', uri: random.pick(['file:///public/a', name]) };
    default:
      return random.pick([{ kind: 'server' }, { kind: 'server' }, { kind: 'tool', name }] as const);
  }
}

export function generateArguments(random: SeededRandom): JsonObject {
  const members = Array.from({ length: random.below(6) }, () => [
    random.pick(argumentNames),
    value(random, 3),
  ]);
  return Object.fromEntries(members) as JsonObject;
}

function value(random: SeededRandom, depth: number): Json {
  if (depth > 0 && random.once(4)) {
    const items = Array.from({ length: random.below(4) }, () => value(random, depth - 1));
    if (random.once(2)) return items;
    return Object.fromEntries(items.map((item) => [random.pick([...argumentNames, '__extn', 'c d']), item]));
  }
  if (random.once(60)) return '\ud800';
  return random.pick<() => Json>([
    () => random.pick(texts),
    () => random.pick(texts),
    () => random.pick(numbers),
    () => random.once(2),
    () => null,
    () => ({ __entity: { type: 'Role', id: 'guest' } }),
  ])();
}
