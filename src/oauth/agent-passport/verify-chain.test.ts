import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json, JsonObject } from '../../kernel/canonical-json.ts';
import { delegated, noon, party, signedBy, trusting } from './agent-passport.fixture.ts';
import { Refusal } from './refusal.ts';
import { chainRefusalNow, type Revocation, type VerifiedChain, verifyChain } from './verify-chain.ts';

const [root, team, agent, stranger] = [party(), party(), party(), party()];
const ports = trusting(root);

type Changes = Parameters<typeof delegated>[3];

function chainOf(child: Changes = {}, first: Changes = {}): readonly JsonObject[] {
  const parent = delegated(root, team, null, first);
  return [parent, delegated(team, agent, parent, child)];
}

/** The code of the refusal, with the place in the chain; null for a chain that is good at noon. */
function refused(
  records: Json,
  now = noon,
  revocation: (id: string) => Revocation = () => 'active',
): string | null {
  const chain = verifyChain(records, ports);
  const refusal = chain instanceof Refusal ? chain : chainRefusalNow(chain, now, ({ id }) => revocation(id));
  return refusal && `${refusal.index} ${refusal.code}`;
}

test('O9 a chain of delegations is proved from its root to the agent, and says what the agent holds', () => {
  const chain = verifyChain(chainOf({ authority: { depth: { remaining: 0 } } }), ports);
  assert.ok(!(chain instanceof Refusal));
  assert.equal(chain.root.issuer, root.did);
  assert.equal(chain.leaf.subject, agent.did);
  assert.deepEqual(chain.leaf.authority.grants, ['mcp:billing:*', 'payments:pay']);
  assert.equal(
    chainRefusalNow(chain, noon, () => 'active'),
    null,
  );
  assert.equal(refused([delegated(root, agent, null)]), null);
});

test('O9 what a delegation says has one written form, and anything else is refused (aps:authority-delegation:v1)', () => {
  const [parent, child] = chainOf();
  assert.ok(parent && child);
  const facet = (authority: { readonly [name: string]: Json }) => [
    delegated(root, team, null, { authority }),
  ];
  const body = (changes: { readonly [name: string]: Json }) => [
    delegated(root, team, null, { body: changes }),
  ];
  const rows: readonly (readonly [string, Json])[] = [
    ['0 SCHEMA_INVALID', []],
    ['0 SCHEMA_INVALID', null],
    ['0 SCHEMA_INVALID', Array.from({ length: 257 }, () => parent)],
    ['1 SCHEMA_INVALID', [parent, { ...child, more: 1 }]],
    ['0 UNSUPPORTED_VERSION', body({ version: '1.1' })],
    ['0 UNSUPPORTED_VERSION', body({ record_type: 'aps:authority-delegation:v2' })],
    ['0 SCHEMA_INVALID', body({ issuer: '' })],
    ['0 SCHEMA_INVALID', body({ subject: 'x'.repeat(1_025) })],
    ['0 SCHEMA_INVALID', [{ ...parent, delegation_id: 'sha256:00' }]],
    ['0 SCHEMA_INVALID', [{ ...parent, signature: 'AA' }]],
    ['0 NONCANONICAL_VALUE', body({ issued_at: '2026-11-26T12:00:00Z' })],
    ['0 NONCANONICAL_VALUE', body({ issued_at: '2026-02-30T12:00:00.000Z' })],
    ['0 NONCANONICAL_VALUE', body({ nonce: 'A'.repeat(32) })],
    ['0 SCHEMA_INVALID', body({ authority: {} })],
    ['0 UNSUPPORTED_PROFILE', facet({ scope: { profile: 'other', grants: [] } })],
    ['0 SCHEMA_INVALID', facet({ scope: { profile: 'aps-hierarchical-v1', grants: [1] } })],
    ...['b:*:c', 'a::b', ':a', 'ä', `${'a:'.repeat(16)}a`, ''].map(
      (grant) =>
        [
          '0 NONCANONICAL_VALUE',
          facet({ scope: { profile: 'aps-hierarchical-v1', grants: [grant] } }),
        ] as const,
    ),
    ['0 NONCANONICAL_VALUE', facet({ scope: { profile: 'aps-hierarchical-v1', grants: ['b', 'a'] } })],
    ['0 NONCANONICAL_VALUE', facet({ scope: { profile: 'aps-hierarchical-v1', grants: ['a:*', 'a:b'] } })],
    ['0 SCHEMA_INVALID', facet({ spend: { mode: 'free' } })],
    [
      '0 NONCANONICAL_VALUE',
      facet({ spend: { mode: 'bounded', unit: 'EUR', per_action: '01', cumulative: '5' } }),
    ],
    [
      '0 NONCANONICAL_VALUE',
      facet({ spend: { mode: 'bounded', unit: 'EUR', per_action: '1', cumulative: '9223372036854775808' } }),
    ],
    [
      '0 SCHEMA_INVALID',
      facet({ spend: { mode: 'bounded', unit: 'EUR', per_action: '6', cumulative: '5' } }),
    ],
    ['0 SCHEMA_INVALID', facet({ depth: { remaining: 256 } })],
    ['0 SCHEMA_INVALID', facet({ depth: { remaining: -1 } })],
    ['0 NONCANONICAL_VALUE', facet({ time: { not_before: 0, not_after: 1 } })],
    [
      '0 SCHEMA_INVALID',
      facet({ time: { not_before: '2026-11-26T13:00:00.000Z', not_after: '2026-11-26T13:00:00.000Z' } }),
    ],
    [
      '0 SCHEMA_INVALID',
      facet({ time: { not_before: '2026-11-25T00:00:00.000Z', not_after: '2026-11-27T00:00:00.000Z' } }),
    ],
    ['0 SCHEMA_INVALID', facet({ reputation: { profile: 'aps-score-0-100-v1', ceiling: 101 } })],
    ['0 UNSUPPORTED_PROFILE', facet({ reputation: { profile: 'stars', ceiling: 5 } })],
    [
      '0 SCHEMA_INVALID',
      facet({ values: { profile: 'aps-values-identifiers-v1', required: ['no spaces'] } }),
    ],
    [
      '0 NONCANONICAL_VALUE',
      facet({ values: { profile: 'aps-values-identifiers-v1', required: ['b', 'a'] } }),
    ],
    ['0 SCHEMA_INVALID', facet({ reversibility: { profile: 'aps-tci-v1', ceiling: 'maybe' } })],
  ];
  for (const [expected, records] of rows) assert.equal(refused(records), expected, JSON.stringify(records));
});

test('O9 an id that is not the hash, a key nobody knows, another signature and an untrusted root are refused', () => {
  const [parent, child] = chainOf();
  assert.ok(parent && child);
  assert.equal(refused([parent, { ...child, nonce: '0'.repeat(32) }]), '1 ID_MISMATCH');
  const unknown = signedBy(root, { ...bodyOf(parent), verification_method: 'did:web:acme.example#1' });
  assert.equal(refused([unknown]), '0 KEY_RESOLUTION_FAILED');
  assert.equal(refused([signedBy(stranger, bodyOf(parent))]), '0 SIGNATURE_INVALID');
  assert.equal(refused([delegated(stranger, agent, null)]), '0 ROOT_UNTRUSTED');
});

test('O9 the links of a chain are its ids and its parties, in order, each once', () => {
  const [parent, child] = chainOf();
  assert.ok(parent && child);
  assert.equal(refused([parent, parent]), '1 CHAIN_DUPLICATE_ID');
  assert.equal(refused([child]), '0 PARENT_MISMATCH');
  assert.equal(
    refused([parent, delegated(team, agent, delegated(root, stranger, null))]),
    '1 PARENT_MISMATCH',
  );
  assert.equal(refused([parent, delegated(stranger, agent, parent)]), '1 CHAIN_CONTINUITY');
  const early = chainOf({ body: { issued_at: '2026-11-26T11:58:59.999Z' } });
  assert.equal(refused(early), '1 ISSUED_AT_OUTSIDE_PARENT');
});

test('O9 each of the seven facets may only shrink', () => {
  const spend = (unit: string, per_action: string, cumulative: string) => ({
    authority: { spend: { mode: 'bounded', unit, per_action, cumulative } },
  });
  const values = (...required: string[]) => ({
    authority: { values: { profile: 'aps-values-identifiers-v1', required } },
  });
  const grants = (...list: string[]) => ({
    authority: { scope: { profile: 'aps-hierarchical-v1', grants: list } },
  });
  const window = (not_before: string, not_after: string) => ({
    authority: { time: { not_before, not_after } },
  });
  const rows: readonly (readonly [string | null, Changes])[] = [
    ['1 SCOPE_WIDENING', grants('mcp:*')],
    ['1 SCOPE_WIDENING', grants('payments:pay:now')],
    [null, grants('mcp:billing', 'mcp:billing:pay', 'payments:pay')],
    [null, grants()],
    ['1 SPEND_WIDENING', { authority: { spend: { mode: 'unbounded' } } }],
    ['1 SPEND_UNIT_CHANGE', spend('iso4217:USD:minor', '1', '1')],
    ['1 SPEND_WIDENING', spend('iso4217:EUR:minor', '501', '5000')],
    ['1 SPEND_WIDENING', spend('iso4217:EUR:minor', '500', '5001')],
    ['1 DEPTH_WIDENING', { authority: { depth: { remaining: 3 } } }],
    ['1 TIME_WIDENING', window('2026-11-26T11:59:00.000Z', '2026-11-26T13:00:00.001Z')],
    ['1 REPUTATION_WIDENING', { authority: { reputation: { profile: 'aps-score-0-100-v1', ceiling: 81 } } }],
    ['1 VALUES_WEAKENING', values('privacy')],
    [null, values('kindness', 'no-deception', 'privacy')],
    [
      '1 REVERSIBILITY_WIDENING',
      { authority: { reversibility: { profile: 'aps-tci-v1', ceiling: 'irreversible' } } },
    ],
  ];
  for (const [expected, child] of rows)
    assert.equal(refused(chainOf(child)), expected, JSON.stringify(child));
  assert.equal(refused(chainOf({}, { authority: { depth: { remaining: 0 } } })), '1 DEPTH_EXHAUSTED');
});

test('O9 a delegation counts within its time only, and where nobody says whether it was revoked it does not', () => {
  const records = chainOf();
  const leaf = records[1]?.['delegation_id'];
  assert.equal(refused(records, noon - 60_001), '0 NOT_YET_VALID');
  assert.equal(refused(records, noon + 3_600_000), '0 EXPIRED');
  assert.equal(
    refused(records, noon, (id) => (id === leaf ? 'revoked' : 'active')),
    '1 REVOKED',
  );
  assert.equal(
    refused(records, noon, (id) => (id === leaf ? 'unknown' : 'active')),
    '1 REVOCATION_UNKNOWN',
  );
});

test('O9 a proof of a chain cannot be made up (law 1)', () => {
  const chain = verifyChain(chainOf(), ports) as VerifiedChain;
  const Forged = chain.constructor as new (...given: unknown[]) => VerifiedChain;
  assert.throws(() => new Forged(Symbol('verified chain'), chain, []), TypeError);
});

function bodyOf({ delegation_id: _id, signature: _signature, ...body }: JsonObject): JsonObject {
  return body;
}
