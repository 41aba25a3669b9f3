import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from '../../kernel/canonical-json.ts';
import { delegated, party } from '../../oauth/agent-passport/agent-passport.fixture.ts';
import { readAgentPassports } from './agent-passports-file.ts';

const [root, team, agent] = [party(), party(), party()];
const first = delegated(root, team, null);
const second = delegated(team, agent, first);
const read = (json: Json) => readAgentPassports('agent-passports.yaml', JSON.stringify(json));
const refused = (json: Json, message: RegExp): void => {
  assert.throws(() => read(json), { code: 'config_invalid', message }, JSON.stringify(json));
};

test('O9 agent-passports.yaml is read whole, and every delegation in it is verified', () => {
  const rules = read({
    roots: [root.did],
    agents: { 'ci-bot': [agent.did] },
    servers: { billing: { tools: { pay: ['payments:pay'] } }, files: {} },
    revoked: [first['delegation_id'] ?? ''],
    delegations: [second, first],
  });
  assert.deepEqual([...rules.servers.keys()], ['billing', 'files']);
  assert.deepEqual(rules.servers.get('billing')?.get('pay'), ['payments:pay']);
  assert.deepEqual([...rules.chains.keys()], [second['delegation_id'], first['delegation_id']]);
  assert.equal([...rules.revoked].includes(first['delegation_id'] as string), true);
  assert.equal(rules.keyOf(agent.did, agent.method, 0), agent.publicKey);
});

test('O9 a key of a DID that is not itself the key is the one that was named for it', () => {
  const { keyOf } = read({ keys: { 'did:web:acme.example#1': 'ab'.repeat(32) } });
  assert.equal(keyOf('did:web:acme.example', 'did:web:acme.example#1', 0), 'ab'.repeat(32));
  assert.equal(keyOf('did:web:acme.example', 'did:web:acme.example#2', 0), null);
  assert.equal(keyOf('did:web:other.example', 'did:web:acme.example#1', 0), null);
  const shadowed = read({ keys: { [agent.method]: 'ab'.repeat(32) } });
  assert.equal(shadowed.keyOf(agent.did, agent.method, 0), agent.publicKey);
});

test('O9 a file with a mistake never takes force: which line, what, and by which rule', () => {
  refused({ root: [] }, /Did you mean roots/);
  refused({ roots: ['ada'] }, /must be a DID/);
  refused({ keys: { 'did:web:a': 'ab'.repeat(32) } }, /verification method/);
  refused({ keys: { 'did:web:a#1': 'AB' } }, /64 lower-case hexadecimal/);
  refused({ servers: { billing: { tools: { pay: ['*'] } } } }, /must be a scope/);
  refused({ revoked: ['x'] }, /id of a delegation/);
  refused(
    { roots: [team.did], delegations: [first] },
    /line 1: delegation 1 is not accepted \(ROOT_UNTRUSTED\)/,
  );
  refused({ roots: [root.did], delegations: [second] }, /\(PARENT_MISMATCH\)/);
  refused(
    { roots: [root.did], delegations: [first, { ...second, nonce: '0'.repeat(32) }] },
    /delegation 2.*ID_MISMATCH.*number 2/,
  );
});
