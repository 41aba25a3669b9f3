import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { utf8 } from '../kernel/bytes.ts';
import type { Json } from '../kernel/canonical-json.ts';
import { createSseDecoder, encodeSseEvent } from '../mcp/sse.ts';
import { LikelySecrets } from '../secrets/redaction/likely-secrets.ts';
import { createRedactor } from '../secrets/redact.ts';
import { createAnswerGuard } from './answer-guard.ts';

const secrets = ['tok_9f"31,:{x}', '{"type":"account","key":"a1b2c3"}', '83726154098217'];
const redactor = createRedactor();
for (const secret of secrets) redactor.learn(secret);
const guard = createAnswerGuard(redactor);
const text = (octets: Uint8Array): string => Buffer.from(octets).toString();

test('S2 while nothing is known the guard stays out of the way, and what is clean comes out as the same octets', () => {
  const forgetful = createRedactor();
  assert.equal(createAnswerGuard(forgetful).begin('files'), null);
  forgetful.learn(secrets[0] ?? '');
  assert.notEqual(createAnswerGuard(forgetful).begin('files'), null);
  forgetful.forget(secrets[0] ?? '');
  assert.equal(createAnswerGuard(forgetful).begin('files'), null);
  const cuts = guard.begin('files');
  const octets = utf8('{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"a\\nb"}]}}');
  assert.equal(cuts?.whole(octets), octets);
  assert.equal(cuts?.made, undefined);
});

test('S2 a cut answer is still JSON, with the secret gone from values, names, numbers and structure', () => {
  const value = fc.letrec<{ json: Json }>((tie) => ({
    json: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom<Json>(...secrets, Number(secrets[2]), JSON.parse(secrets[1] ?? '') as Json),
      fc.constantFrom(...secrets).map((secret) => `a ${secret} "b"`),
      fc.string(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.array(tie('json'), { maxLength: 4 }),
      fc.dictionary(fc.oneof(fc.string(), fc.constantFrom(...secrets)), tie('json'), { maxKeys: 4 }),
    ),
  })).json;
  fc.assert(
    fc.property(value, fc.constantFrom(undefined, 2, '\t'), (json, indent) => {
      const cuts = guard.begin('files');
      const answer = utf8(JSON.stringify({ jsonrpc: '2.0', id: 1, result: json }, null, indent));
      const left = text(cuts?.whole(answer) ?? answer);
      const read: unknown = JSON.parse(left);
      for (const secret of secrets) {
        assert.ok(!left.includes(secret) && !left.includes(JSON.stringify(secret).slice(1, -1)), left);
        // A document is looked for as it was given: laid out anew it is another text.
        if (indent === undefined) assert.ok(!JSON.stringify(read).includes(secret));
      }
      assert.equal(cuts?.made !== undefined, left !== text(answer));
    }),
    { numRuns: 2_000 },
  );
});

test('S2 an event stream keeps its events, ids and lines, wherever it is cut and whatever is cut out of it', () => {
  const events = [
    {
      id: `1-${secrets[2]}`,
      event: 'message',
      data: JSON.stringify({ a: secrets[0], b: [Number(secrets[2])] }),
    },
    { comment: `alive ${secrets[0]}` },
    {
      id: '2',
      data: JSON.stringify(
        { method: 'notifications/message', params: JSON.parse(secrets[1] ?? '') as Json },
        null,
        1,
      ),
    },
    { id: '3', data: JSON.stringify({ text: 'nothing\n\nhere' }) },
  ];
  const stream = utf8(events.map((event) => encodeSseEvent(event)).join(''));
  const read = (octets: Uint8Array): unknown[] =>
    createSseDecoder()
      .push(octets)
      .map(({ id, event, data }) => [id, event, data && (JSON.parse(data) as Json)]);
  const expected = [
    ['1-1', 'message', { a: '[secret]', b: [1] }],
    [null, null, null],
    ['2', null, { method: 'notifications/message', params: { '[secret]': '[secret]' } }],
    ['3', null, { text: 'nothing\n\nhere' }],
  ];
  for (let at = 0; at <= stream.length; at++) {
    const cuts = guard.begin('files');
    const pieces = [stream.subarray(0, at), stream.subarray(at)].map((piece) => cuts?.push(piece) ?? piece);
    const left = Buffer.concat([...pieces, cuts?.end() ?? pieces[0] ?? stream]);
    const told = read(left);
    assert.deepEqual([told[0], told[1], told[3]], [expected[0], expected[1], expected[3]], `cut at ${at}`);
    for (const secret of secrets) assert.ok(!text(left).includes(secret));
  }
});

test('S2 a whole event is passed on at once, and one that may go on to be a secret waits for the next piece alone', () => {
  const cuts = guard.begin('files');
  const whole = utf8('data: {"text":"tok_9f\\"31"}\n\n');
  assert.equal(text(cuts?.push(whole) ?? new Uint8Array()), text(whole));
  assert.equal(text(cuts?.push(utf8('data: {"text":"and tok_9')) ?? new Uint8Array()), 'data: {"text":"and ');
  assert.equal(
    text(cuts?.push(utf8('8 are no secret, says this long text"}')) ?? new Uint8Array()).slice(0, 30),
    'tok_98 are no secret, says thi',
  );
});

test('S2 of the servers that are named so, what only looks like a secret is cut out too, whole and streamed, and counted apart', () => {
  const both = createAnswerGuard(redactor, {
    secrets: new LikelySecrets(),
    wants: (server) => server === 'web',
  });
  const result = {
    a: `key ${secrets[0]}`,
    b: 'DB=postgres://bob:s3cr3tpw@db/x',
    c: 'ghp_1234567890abcdefghijABCDEFGHIJ123456',
  };
  const answer = utf8(JSON.stringify({ jsonrpc: '2.0', id: 1, result }));
  const whole = both.begin('web');
  const left = { a: 'key [secret]', b: 'DB=postgres://bob:[secret]@db/x', c: '[secret]' };
  assert.deepEqual((JSON.parse(text(whole?.whole(answer) ?? answer)) as { result: Json }).result, left);
  assert.deepEqual(whole?.made, { known: 1, likely: 2 });
  const event = Buffer.concat([utf8('data: '), answer, utf8('\n\n')]);
  for (let at = 0; at <= event.length; at++) {
    const cuts = both.begin('web');
    const pieces = [event.subarray(0, at), event.subarray(at)].map((piece) => cuts?.push(piece) ?? piece);
    const told = text(Buffer.concat([...pieces, cuts?.end() ?? event]));
    assert.deepEqual((JSON.parse(told.slice('data: '.length)) as { result: Json }).result, left);
    assert.deepEqual(cuts?.made, { known: 1, likely: 2 });
  }
  const other = both.begin('files');
  assert.deepEqual((JSON.parse(text(other?.whole(answer) ?? answer)) as { result: Json }).result, {
    ...result,
    a: left.a,
  });
  assert.deepEqual(other?.made, { known: 1 });
});
