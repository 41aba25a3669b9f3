import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { randomBytes } from '../kernel/random.ts';
import { createStateSeal, type SealOwner } from './state-seal.ts';

const owner: SealOwner = {
  party: 'spiffe://example.internal/agent/a',
  purpose: 'cursor',
  of: 'tools/list',
};

test('law 5 what was sealed opens for the agent and the purpose it was sealed for, and for nothing else', () => {
  const seal = createStateSeal(randomBytes(64));
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary' })), (parts) => {
      assert.deepEqual(seal.open(seal.seal(parts, owner), owner), parts);
    }),
  );
  const sealed = seal.seal(['files', 'page-2'], owner);
  for (const other of [
    { ...owner, party: 'spiffe://example.internal/agent/b' },
    { ...owner, purpose: 'task' as const },
    { ...owner, of: 'prompts/list' },
  ]) {
    assert.throws(() => seal.open(sealed, other), { code: 'handle_unknown' });
  }
});

test('law 5 what another process sealed does not open', () => {
  const sealed = createStateSeal(randomBytes(64)).seal(['x'], owner);
  assert.throws(() => createStateSeal(randomBytes(64)).open(sealed, owner), { code: 'handle_unknown' });
});

test('law 5 a changed text never opens, and whatever is presented is handle_unknown and nothing else', () => {
  const seal = createStateSeal(randomBytes(64));
  const valid = seal.seal(['files', 'page-2'], owner);
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc
          .nat(valid.length - 1)
          .map((at) => valid.slice(0, at) + (valid[at] === 'A' ? 'B' : 'A') + valid.slice(at + 1)),
      ),
      (text) => {
        if (text !== valid) assert.throws(() => seal.open(text, owner), { code: 'handle_unknown' });
      },
    ),
  );
});

test('law 5 what is sealed opens again, or is refused when it is sealed', () => {
  const seal = createStateSeal(randomBytes(64));
  const state = { ...owner, purpose: 'request-state' } as const;
  const long = 'x'.repeat(780_000);
  assert.deepEqual(seal.open(seal.seal([long], state), state), [long]);
  assert.throws(() => seal.seal(['x'.repeat(790_000)], state), { code: 'upstream_too_large' });
  const task = { ...owner, purpose: 'task' } as const;
  const id = 'x'.repeat(3_000);
  assert.deepEqual(seal.open(seal.seal(['files', id], task), task), ['files', id]);
  assert.throws(() => seal.seal(['files', 'x'.repeat(3_100)], task), { code: 'upstream_too_large' });
});

test('T5 a task id that is sealed twice is the same id, so that a client can compare', () => {
  const seal = createStateSeal(randomBytes(64));
  assert.equal(seal.seal(['files', 't-1'], owner), seal.seal(['files', 't-1'], owner));
  assert.notEqual(seal.seal(['files', 't-1'], owner), seal.seal(['files', 't-2'], owner));
  const other = { ...owner, party: 'spiffe://example.internal/agent/b' };
  assert.notEqual(seal.seal(['files', 't-1'], owner), seal.seal(['files', 't-1'], other));
});
