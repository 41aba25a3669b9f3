import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TokenFault } from '../oauth/resource/challenge.ts';
import type { Grant } from '../oauth/resource/grant.ts';
import type { TokenGate } from '../oauth/resource/token-gate.ts';
import { standingOf } from './caller.fixture.ts';
import { gatewayUrl, mintingIssuer, serverRule, testGate, tokenRules } from './token.fixture.ts';

const own = await standingOf('ci-bot');
const sso = mintingIssuer();
const company = mintingIssuer({
  name: 'company',
  issuer: 'https://company.example',
  personPrefix: 'company:',
});
const cnf = { 'x5t#S256': own.caller.thumbprint };
const all = `${gatewayUrl}/mcp`;
const rules = tokenRules({
  issuers: [sso.issuer, company.issuer],
  servers: new Map([
    ['files', serverRule({ scopes: ['files:read'], asked: ['files:read'], issuers: new Set(['sso']) })],
    ['loose', serverRule({ bindings: new Set(['mtls', 'bearer']) })],
  ]),
  allServers: serverRule({ bindings: new Set(['mtls', 'bearer']), asked: ['files:read'] }),
});

/** What a token, or none, gives at the endpoint of all servers. */
async function admitted(gate: TokenGate, token: string | null): Promise<Grant | null> {
  const headers = {
    get: (name: string) => (name === 'authorization' && token !== null ? `Bearer ${token}` : null),
    entries: () => [].values(),
  };
  return await gate.admit({ headers, method: 'POST' }, own, null);
}

const nothing = { headers: { get: () => null, entries: () => [].values() }, method: 'POST' };

function refusalOf(act: () => unknown): TokenFault {
  try {
    act();
  } catch (error) {
    if (error instanceof TokenFault) return error;
    throw error;
  }
  return assert.fail('it was let in');
}

describe('O1 T5 tokens at the endpoint of all servers', () => {
  test('are looked at once, and each server that wants one holds the grant to its own rules', async () => {
    const { gate } = testGate(rules);
    const bound = await admitted(gate, await sso.token({ aud: all, cnf, scope: 'files:read' }));
    const within = gate.within(bound);
    assert.equal(within.admit(nothing, own, 'files'), bound);
    assert.equal(within.admit(nothing, own, 'loose'), bound);
    assert.equal(within.admit(nothing, own, 'free'), null, 'one that wants none is told nothing of it');
    within.demand(bound, 'files', []);
    const unbound = await admitted(gate, await sso.token({ aud: all }));
    assert.equal(unbound?.binding, 'bearer');
    assert.equal(gate.within(unbound).admit(nothing, own, 'loose'), unbound);
    assert.equal(refusalOf(() => gate.within(unbound).admit(nothing, own, 'files')).code, 'token_invalid');
    const elsewhere = await admitted(gate, await company.token({ aud: all, cnf }));
    assert.equal(refusalOf(() => gate.within(elsewhere).admit(nothing, own, 'files')).code, 'token_invalid');
  });

  test('a server that wants more says so about the endpoint that its client uses', async () => {
    const { gate } = testGate(rules);
    const little = await admitted(gate, await sso.token({ aud: all, cnf, scope: 'other' }));
    const { code, headers } = refusalOf(() => gate.within(little).demand(little, 'files', []));
    assert.equal(code, 'scope_insufficient');
    assert.equal(
      headers['www-authenticate'],
      `Bearer resource_metadata="${gatewayUrl}/.well-known/oauth-protected-resource/mcp", error="insufficient_scope", scope="files:read"`,
    );
  });

  test('who has none is told to get one, or sees the servers that want none where that was chosen', async () => {
    await assert.rejects(admitted(testGate(rules).gate, null), { code: 'token_required' });
    const { gate } = testGate({ ...rules, allServersOptional: true });
    const none = await admitted(gate, null);
    assert.equal(none, null);
    gate.confirm(none, null);
    const within = gate.within(none);
    assert.equal(within.admit(nothing, own, 'free'), null);
    assert.equal(refusalOf(() => within.admit(nothing, own, 'files')).code, 'token_required');
    // A token that is shown has to be good all the same.
    await assert.rejects(admitted(gate, await sso.token({ cnf })), { code: 'token_invalid' });
  });

  test('rules that change meanwhile hold for what is under way', async () => {
    const stage = testGate(rules);
    const grant = await admitted(stage.gate, await sso.token({ aud: all, cnf, scope: 'files:read' }));
    const within = stage.gate.within(grant);
    within.confirm(grant, 'files');
    stage.rules = { ...rules, issuers: [company.issuer] };
    assert.throws(() => within.confirm(grant, 'files'), { code: 'token_invalid' }, 'its issuer is gone');
    stage.rules = { ...rules, servers: new Map([['files', serverRule({ bindings: new Set(['dpop']) })]]) };
    assert.throws(
      () => within.confirm(grant, 'files'),
      { code: 'token_invalid' },
      'another binding is wanted',
    );
    stage.rules = { ...rules, servers: new Map([['free', serverRule()]]) };
    assert.throws(() => within.confirm(null, 'free'), { code: 'token_required' }, 'a token is wanted now');
    within.confirm(null, 'files');
  });
});
