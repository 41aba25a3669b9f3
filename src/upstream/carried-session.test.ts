import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { randomBytes } from '../kernel/random.ts';
import { createCarriedSessions } from './carried-session.ts';

const hello = {
  protocolVersion: '2025-11-25',
  capabilities: { elicitation: {} },
  clientInfo: { name: 'a', version: '1' },
};

test('T3 the id of a session says how its client greeted, to those who do not have the session', () => {
  const [here, elsewhere] = [createCarriedSessions('own'), createCarriedSessions('own')];
  const id = here.idFor({ ...hello, _meta: { progressToken: 1 } });
  assert.deepEqual(elsewhere.greetingOf(id), hello);
  assert.notEqual(here.idFor(hello), id);
  assert.match(id, /^[\x21-\x7e]+$/);
  // Once it is over somewhere, it is not opened there again.
  here.ended(id);
  assert.equal(here.greetingOf(id), null);
  assert.deepEqual(elsewhere.greetingOf(id), hello);
  assert.equal(createCarriedSessions('era').greetingOf(id), null);
});

test('T3 a client that says more than fits keeps its session at one gateway', () => {
  const sessions = createCarriedSessions('own');
  const noise = Buffer.from(randomBytes(4_000)).toString('base64');
  const id = sessions.idFor({ ...hello, clientInfo: { name: noise, version: '1' } });
  assert.ok(id.length < 100);
  assert.equal(sessions.greetingOf(id), null);
});

test('T3 whatever is presented as an id is a greeting or none, and a bomb is none', () => {
  const sessions = createCarriedSessions('own');
  const bomb = sessions.idFor({ ...hello, clientInfo: { name: 'x'.repeat(500_000), version: '1' } });
  assert.ok(bomb.length < 2_200);
  assert.equal(sessions.greetingOf(bomb), null);
  fc.assert(
    fc.property(fc.string(), (text) => {
      assert.equal(sessions.greetingOf(text), null);
      assert.doesNotThrow(() => sessions.greetingOf(`own.x.${text}`));
    }),
  );
});
