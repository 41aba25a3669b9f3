import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { labelsAt, labelsIn, labelsOut } from '../../gateway/flow/flow-rules.ts';
import { readFlows } from './flows-file.ts';

const tool = (name: string) => ({ kind: 'tool', name }) as const;
const uri = (text: string) => ({ kind: 'resource', uri: text }) as const;

test('A6 labels of a server are those of all it has, and single things have more', () => {
  const rules = readFlows(
    'flows.yaml',
    `labels: [hr]
servers:
  mail: { labels: [untrusted], tools: { send: [public-sink, hr] }, prompts: { share: [public-sink] } }
otherwise: { labels: [destructive] }`,
  );
  const mail = labelsAt(rules, 'mail');
  assert.deepEqual(labelsOut(mail, 'tools/call', tool('send')), ['hr', 'public-sink', 'untrusted']);
  assert.deepEqual(labelsOut(mail, 'tools/call', tool('read')), ['untrusted']);
  assert.deepEqual(labelsOut(mail, 'prompts/get', { kind: 'prompt', name: 'share' }), [
    'public-sink',
    'untrusted',
  ]);
  assert.deepEqual(labelsOut(mail, 'resources/read', uri('file:///a')), ['untrusted']);
  assert.deepEqual(labelsOut(labelsAt(rules, 'new'), 'tools/call', tool('x')), ['destructive']);
  assert.deepEqual([...rules.words].sort(), ['destructive', 'hr', 'private', 'public-sink', 'untrusted']);
  assert.deepEqual(rules.remember, { quiet: 3_600_000, longest: 86_400_000, apart: 'person' });
});

test('A6 what opens, lists and keeps a session has no label, unless everything of a server counts', () => {
  const rules = readFlows(
    'flows.yaml',
    'servers: { a: { labels: [untrusted] }, b: { labels: [untrusted], everything: true } }',
  );
  const server = { kind: 'server' } as const;
  for (const action of [
    'initialize',
    'ping',
    'tools/list',
    'resources/list',
    'logging/setLevel',
    'tasks/cancel',
  ]) {
    assert.deepEqual(labelsOut(labelsAt(rules, 'a'), action, server), [], action);
    assert.deepEqual(labelsIn(labelsAt(rules, 'a'), action, server), [], action);
    assert.deepEqual(labelsOut(labelsAt(rules, 'b'), action, server), ['untrusted'], action);
    assert.deepEqual(labelsIn(labelsAt(rules, 'b'), action, server), ['untrusted'], action);
  }
  // A method that nobody knows goes both ways.
  assert.deepEqual(labelsOut(labelsAt(rules, 'a'), 'x/y', server), ['untrusted']);
  assert.deepEqual(labelsIn(labelsAt(rules, 'a'), 'x/y', server), ['untrusted']);
  assert.deepEqual(labelsOut(labelsAt(rules, 'a'), 'constructor', server), ['untrusted']);
});

test('A6 the result of a task may be that of any tool, and asking for it carries nothing out', () => {
  const rules = readFlows(
    'flows.yaml',
    'servers: { a: { tools: { query: [private], post: [public-sink] } } }',
  );
  const of = labelsAt(rules, 'a');
  const server = { kind: 'server' } as const;
  assert.deepEqual(labelsIn(of, 'tasks/result', server), ['private', 'public-sink']);
  assert.deepEqual(labelsOut(of, 'tasks/result', server), []);
});

test('A6 a URI that could be another one has the labels of every pattern (attack: two spellings of one resource)', () => {
  const rules = readFlows(
    'flows.yaml',
    'servers: { a: { resources: { "file:///secret/*": [private], "https://*": [public-sink] } } }',
  );
  const read = (text: string): string => labelsOut(labelsAt(rules, 'a'), 'resources/read', uri(text)).join();
  assert.equal(read('file:///secret/plan'), 'private');
  assert.equal(read('FILE:///Secret/plan'), 'private');
  assert.equal(read('file:///open/plan'), '');
  for (const other of [
    'file:///open/../secret/plan',
    'file:///%73ecret/plan',
    'file:////secret/plan',
    'file:///./secret/x',
    'file:\\\\secret',
    'file:/secret/plan',
    'file://localhost/secret/plan',
    '/secret/plan',
  ])
    assert.match(read(other), /private/, other);
});

test('A6 a slip in flows.yaml is refused with its line and the nearest word', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['servers:\n  a:\n    labels: [privat]', /line 3: there is no label "privat"\. Did you mean "private"\?/],
    ['servers:\n  a:\n    tools:\n      x: [zzz]', /line 4: there is no label "zzz"\. Declare it/],
    ['servers:\n  a:\n    label: [private]', /line 3: .*label.*labels/],
    ['labels: [Private]', /a-z/],
    ['remember: { apart: nobody }', /apart/],
    ['remember: { hours: never }', /hours/],
    ['- a', /group of settings/],
  ];
  for (const [text, message] of cases) {
    assert.throws(() => readFlows('flows.yaml', text), { code: 'config_invalid', message }, text);
  }
});

test('A6 the example is one that can be read', () => {
  const file = join(import.meta.dirname, '../../../examples/flow-rules/flows.yaml');
  const rules = readFlows('flows.yaml', readFileSync(file, 'utf8'));
  assert.deepEqual(labelsAt(rules, 'web').own, ['public-sink', 'untrusted']);
});
