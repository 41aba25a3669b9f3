import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { toBase64url } from '../kernel/bytes.ts';
import { randomBytes } from '../kernel/random.ts';
import { createKeyRing, type SealingKeys } from './key-ring.ts';
import type { SealOwner } from './state-seal.ts';

const session = { party: 'spiffe://example.internal/agent/a', server: 'files' };
const task: SealOwner = { party: session.party, purpose: 'task', of: '' };
const secret = (): string => toBase64url(randomBytes(32));
const [one, two, three] = [secret(), secret(), secret()];
const first: SealingKeys = { current: 'k1', keys: { k1: one, k2: two } };
const second: SealingKeys = { current: 'k2', keys: { k1: one, k2: two, k3: three } };

test('T3 what one gateway sealed opens at another that was told the same secrets, for the same caller only', () => {
  const [a, b] = [createKeyRing(), createKeyRing()];
  a.take(first);
  b.take(first);
  const sealed = a.sessions.seal('upstream-session', session);
  assert.equal(b.sessions.open(sealed, session), 'upstream-session');
  assert.throws(() => b.sessions.open(sealed, { ...session, server: 'mail' }), { code: 'session_unknown' });
  const handle = a.handles.seal(['files', 'task-1'], task);
  assert.deepEqual(b.handles.open(handle, task), ['files', 'task-1']);
  assert.throws(() => b.handles.open(handle, { ...task, party: 'x' }), { code: 'handle_unknown' });
  // One is not the other.
  assert.throws(() => b.sessions.open(handle, session), { code: 'session_unknown' });
});

test('T3 a replaced secret opens what it sealed while it is kept, also where the news comes later', () => {
  const [early, late] = [createKeyRing(), createKeyRing()];
  early.take(first);
  late.take(first);
  const before = late.sessions.seal('s', session);
  early.take(second);
  assert.equal(early.sessions.open(before, session), 's');
  // The next secret was told before anybody sealed with it.
  assert.equal(late.sessions.open(early.sessions.seal('s', session), session), 's');
  early.take({ current: 'k3', keys: { k3: three } });
  assert.throws(() => early.sessions.open(before, session), { code: 'session_unknown' });
  assert.equal(early.handles.opens(late.handles.seal(['x'], task)), false);
});

test('T3 a gateway that was told of no secrets seals with its own, and goes on opening that', () => {
  const alone = createKeyRing();
  const sealed = alone.sessions.seal('s', session);
  assert.equal(alone.sessions.open(sealed, session), 's');
  alone.take(first);
  assert.equal(alone.sessions.open(sealed, session), 's');
  assert.throws(() => createKeyRing().sessions.open(sealed, session), { code: 'session_unknown' });
});

test('T3 secrets that are none are refused, and those before go on to count', () => {
  const ring = createKeyRing();
  ring.take(first);
  const sealed = ring.sessions.seal('s', session);
  for (const keys of [{ k9: 'short' }, { 'a.b': one }, {}]) {
    assert.throws(() => ring.take({ current: Object.keys(keys)[0] ?? 'k9', keys }), {
      code: 'invalid_input',
    });
  }
  assert.equal(ring.sessions.open(sealed, session), 's');
});

test('T3 whatever is presented opens as session_unknown or handle_unknown and as nothing else', () => {
  const ring = createKeyRing();
  ring.take(first);
  const parts = fc.constantFrom('k1', 'k2', '.', '', 'own-', ring.sessions.seal('s', session).slice(3, 30));
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(parts).map((all) => all.join('')),
      ),
      (text) => {
        assert.throws(() => ring.sessions.open(text, session), { code: 'session_unknown' });
        assert.throws(() => ring.handles.open(text, task), { code: 'handle_unknown' });
      },
    ),
  );
});
