import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { canonicalText } from '../audit/events.ts';
import { canonicalJson } from '../kernel/canonical-json.ts';
import type { Permit } from './authorize.ts';
import { answeredEvent, type Circumstances, permittedEvent } from './record.ts';

const text = fc.string({ unit: 'grapheme' });
const maybe = fc.option(text);
const messages = fc.array(
  fc.record({
    argumentsHash: maybe,
    id: fc.option(fc.oneof(text, fc.maxSafeInteger())),
    kind: fc.constantFrom('request' as const, 'notification' as const, 'response' as const),
    method: maybe,
    target: maybe,
  }),
  { maxLength: 3 },
);
const circumstances: fc.Arbitrary<Circumstances> = fc.record({
  address: text,
  agent: maybe,
  token: fc.option(
    fc.record({
      actors: fc.option(fc.array(text, { minLength: 1, maxLength: 3 }), { nil: undefined }),
      binding: fc.constantFrom('mtls' as const, 'dpop' as const),
      client: maybe,
      grant: maybe,
      issuer: text,
      person: maybe,
      tokenId: maybe,
    }),
  ),
  exchange: text,
  httpMethod: text,
  messages,
  revision: maybe,
  serial: maybe,
  server: text,
  spiffeId: maybe,
  thumbprint: maybe,
  messagesText: fc.constant(null),
});

const unsigned = { signed: null, credential: null, definitions: null };

test('A1 the text of a permit is the canonical JSON of its record', () => {
  const decided = fc.record({
    owner: text,
    policies: fc.array(text),
    policyVersion: text,
    labels: fc.array(text, { maxLength: 2 }),
    touched: fc.option(fc.record({ labels: fc.array(text, { maxLength: 2 }) })),
  });
  fc.assert(
    fc.property(circumstances, decided, (shared, { owner, ...more }) => {
      const permit = { standing: { agent: { owner } }, ...more } as unknown as Permit;
      const { [canonicalText]: written, ...event } = permittedEvent({ ...shared }, permit, unsigned);
      assert.equal(written, canonicalJson(event));
    }),
    { numRuns: 2_000 },
  );
});

test('A1 the text of an answer is the canonical JSON of its record', () => {
  const outcome = fc.record({
    status: fc.nat(599),
    bytes: fc.maxSafeNat(),
    resultHash: text,
    milliseconds: fc.double({ noNaN: true, noDefaultInfinity: true }),
  });
  fc.assert(
    fc.property(circumstances, outcome, (shared, came) => {
      const { [canonicalText]: written, ...event } = answeredEvent({ ...shared }, came);
      assert.equal(written, canonicalJson(event));
    }),
    { numRuns: 2_000 },
  );
});

test('A1 a text that has no UTF-8 form is no record', () => {
  const [shared] = fc.sample(circumstances, 1);
  assert.ok(shared);
  const came = { status: 200, bytes: 1, resultHash: 'h', milliseconds: 1 };
  assert.throws(() => answeredEvent({ ...shared, server: '\ud800' }, came), TypeError);
  const permit = { standing: { agent: null }, policies: ['a', '\ud800'], policyVersion: 'v', labels: [] };
  assert.throws(() => permittedEvent({ ...shared }, permit as unknown as Permit, unsigned), TypeError);
});
