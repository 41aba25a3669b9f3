import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { randomBytes } from '../kernel/random.ts';
import { createSessionSeal } from './session-seal.ts';

const owner = { party: 'spiffe://example.internal/agent/a', server: 'files' };

test('a sealed session opens for its owner only', () => {
  const seal = createSessionSeal(randomBytes(32));
  const sealed = seal.seal('upstream-session', owner);
  assert.equal(seal.open(sealed, owner), 'upstream-session');
  for (const other of [
    { ...owner, party: 'spiffe://example.internal/agent/b' },
    { ...owner, server: 'mail' },
  ]) {
    assert.throws(() => seal.open(sealed, other), { code: 'session_unknown' });
  }
});

test('a session of another gateway key does not open', () => {
  const sealed = createSessionSeal(randomBytes(32)).seal('s', owner);
  assert.throws(() => createSessionSeal(randomBytes(32)).open(sealed, owner), { code: 'session_unknown' });
});

test('a sealed session is visible ASCII, as MCP 2025-11-25 demands, and never the same twice', () => {
  const seal = createSessionSeal(randomBytes(32));
  const first = seal.seal('s', owner);
  assert.match(first, /^[\x21-\x7e]+$/);
  assert.notEqual(seal.seal('s', owner), first);
});

test('whatever is presented opens as session_unknown and nothing else', () => {
  const seal = createSessionSeal(randomBytes(32));
  const valid = seal.seal('session', owner);
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc
          .nat(valid.length - 1)
          .map((at) => valid.slice(0, at) + (valid[at] === 'A' ? 'B' : 'A') + valid.slice(at + 1)),
      ),
      (text) => {
        if (text === valid) return;
        assert.throws(() => seal.open(text, owner), { code: 'session_unknown' });
      },
    ),
  );
});

test('whatever an upstream calls its session, it comes back as it was (trap: a character of a name that breaks session ids)', () => {
  const seal = createSessionSeal(randomBytes(32));
  const someone = { party: 'spiffe://example.internal/agent/a-b.c_d', server: 'a.b_c-d' };
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 200 }), (session) => {
      assert.equal(seal.open(seal.seal(`${session}@:/ "`, someone), someone), `${session}@:/ "`);
    }),
  );
});

test('a session id is sealed so that it opens again, or refused as too long for a header', () => {
  const seal = createSessionSeal(randomBytes(32));
  for (let octets = 2_990; octets < 3_100; octets++) {
    const session = 'x'.repeat(octets);
    if (octets <= 3_044) assert.equal(seal.open(seal.seal(session, owner), owner), session);
    else assert.throws(() => seal.seal(session, owner), { code: 'upstream_too_large' });
  }
});

test('sealing costs no key derivation (trap: a key derivation for each session on the hot path)', () => {
  const seal = createSessionSeal(randomBytes(32));
  const began = performance.now();
  for (let at = 0; at < 2_000; at++) seal.open(seal.seal('session', owner), owner);
  // A derivation of tens of milliseconds, as others had it, would take a minute and more.
  assert.ok(performance.now() - began < 5_000);
});
