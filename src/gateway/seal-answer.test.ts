import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { randomBytes } from '../kernel/random.ts';
import { utf8 } from '../kernel/bytes.ts';
import type { Json } from '../kernel/canonical-json.ts';
import { stateOwner, taskOwner } from './handles.ts';
import { AnswerSealer } from './seal-answer.ts';
import { createStateSeal } from './state-seal.ts';
import { createTaskLedger } from './task-ledger.ts';

const holder = { party: 'spiffe://example.internal/agent/a', server: 'files' };
const subject = { method: 'tools/call', name: 'build' };
const seal = createStateSeal(randomBytes(64));
const sealer = (): AnswerSealer =>
  new AnswerSealer(holder, subject, { handles: seal, tasks: createTaskLedger() });
const text = (octets: Uint8Array): string => Buffer.from(octets).toString('utf8');
const task = (id: string): string => seal.seal([holder.server, id], taskOwner(holder));

test('law 5 the handles of an answer are sealed for whoever asked, and every other octet stays', () => {
  const answer =
    '{ "id":1, "result":{"structuredContent":{"n":1.50,"taskId":"mine"},"taskId": "t","requestState":"s"}}\n';
  const state = seal.seal(['s'], stateOwner(holder, { method: 'tasks/get', name: 't' }));
  const expected = answer.replace('"taskId": "t"', `"taskId": "${task('t')}"`).replace('"s"', `"${state}"`);
  assert.equal(text(sealer().whole(utf8(answer))), expected);
});

test('an answer that gives out nothing is passed on as it is, not as a copy', () => {
  for (const answer of ['{"id":1,"result":{"content":[]}}', '', 'not json']) {
    const octets = utf8(answer);
    assert.equal(sealer().whole(octets), octets);
    assert.equal(sealer().stream().push(octets), octets);
  }
  const own = utf8('{"id":1,"result":{"structuredContent":{"taskId":"mine"},"nextCursor":"mine"}}');
  assert.equal(sealer().whole(own), own);
});

test('law 5 a task that is only told of, and was given to this agent by no call, is good for nobody', () => {
  const tasks = createTaskLedger();
  const told = (method: string, answer: object): string => {
    const about = new AnswerSealer(holder, { method, name: '' }, { handles: seal, tasks });
    return text(about.whole(utf8(JSON.stringify(answer))));
  };
  const list = { result: { tasks: [{ taskId: 'mine' }, { taskId: 'hers' }] } };
  assert.ok(!told('tasks/list', list).includes(task('mine')));
  assert.ok(told('tools/call', { result: { taskId: 'mine' } }).includes(task('mine')));
  for (const method of ['tasks/list', '']) {
    assert.ok(told(method, list).includes(task('mine')));
    assert.ok(!told(method, list).includes(task('hers')) && !told(method, list).includes('hers'));
  }
  const news = { method: 'notifications/tasks/status', params: { taskId: 'hers' } };
  assert.ok(!told('', news).includes(task('hers')) && !told('', news).includes('"hers"'));
});

const events = (messages: readonly Json[], ending: string): string =>
  messages
    .map((message) => `event: message${ending}data: ${JSON.stringify(message)}${ending}${ending}`)
    .join('');
const message = fc.oneof(
  fc.record({ id: fc.integer(), result: fc.record({ content: fc.array(fc.string({ unit: 'binary' })) }) }),
  fc.record({ id: fc.integer(), result: fc.record({ taskId: fc.string(), note: fc.string() }) }),
  fc.record({ id: fc.integer(), result: fc.record({ note: fc.string(), requestState: fc.string() }) }),
  fc.record({
    id: fc.integer(),
    result: fc.record({ structuredContent: fc.record({ taskId: fc.string() }) }),
  }),
);

/** The pieces as passed on. */
function passed(pieces: readonly Uint8Array[]): string {
  const stream = sealer().stream();
  const out = pieces.map((piece) => Buffer.from(stream.push(piece)));
  return Buffer.concat(out).toString('utf8');
}

function cut(octets: Uint8Array, at: readonly number[]): readonly Uint8Array[] {
  const cuts = [0, ...at.map((each) => each % (octets.length + 1)).sort((a, b) => a - b), octets.length];
  return cuts.slice(1).map((end, index) => octets.subarray(cuts[index], end));
}

test('law 5 a stream says the same however it is cut into pieces (property)', () => {
  fc.assert(
    fc.property(
      fc.array(message, { maxLength: 4 }),
      fc.constantFrom('\n', '\r\n', '\r'),
      fc.array(fc.nat(), { maxLength: 12 }),
      (messages, ending, at) => {
        const whole = messages.map(
          (each) => JSON.parse(text(sealer().whole(utf8(JSON.stringify(each))))) as Json,
        );
        assert.equal(passed(cut(utf8(events(messages, ending)), at)), events(whole, ending));
      },
    ),
    { numRuns: 2_000 },
  );
  const every = utf8(events([{ id: 1, result: { content: 'é', taskId: 't' } }], '\n'));
  const octets = [...every].map((octet) => new Uint8Array([octet]));
  assert.equal(passed(octets), events([{ id: 1, result: { content: 'é', taskId: task('t') } }], '\n'));
});

test('law 5 a message that is told in several lines of data is sealed as well', () => {
  const told = passed([utf8('data: {"result":\ndata:{"taskId":\ndata:  "t"}}\n\n')]);
  assert.equal(told, `data: {"result":\ndata:{"taskId":\ndata:  "${task('t')}"}}\n\n`);
});

test('what may be passed on is passed on at once: only an event that names a handle waits for its end', () => {
  const stream = sealer().stream();
  const push = (piece: string): string => text(stream.push(utf8(piece)));
  assert.equal(push('data: {"result":{"content":"'), 'data: {"result":{"content":"');
  assert.equal(push('long'.repeat(1_000)), 'long'.repeat(1_000));
  assert.equal(push('","tas'), '","tas');
  assert.equal(push('kId":"t"'), '');
  assert.equal(push('}}\n\ndata: {'), `kId":"${task('t')}"}}\n\ndata: {`);
  assert.equal(push('}\n\n'), '}\n\n');
});

test('law 5 a stream that breaks off in the middle of a handle gives it to nobody', () => {
  const stream = sealer().stream();
  assert.equal(stream.push(utf8('data: {"result":{"taskId":"t"')).length, 0);
  assert.equal(stream.push(utf8('}}\n')).length, 0);
});
