import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TokenFault } from '../oauth/resource/challenge.ts';
import type { Demand } from '../oauth/resource/token-rules.ts';
import { standingOf } from './caller.fixture.ts';
import { gatewayUrl, mintingIssuer, serverRule, testGate, tokenRules, tokenTime } from './token.fixture.ts';

const own = await standingOf('ci-bot');
const bound = { cnf: { 'x5t#S256': own.caller.thumbprint } };
const sso = mintingIssuer();
const now = tokenTime / 1_000;

function demand(changes: Partial<Demand>): Demand {
  return {
    methods: new Set(['tools/call']),
    tools: null,
    scopes: [],
    acr: null,
    maxAge: null,
    stepUpScope: null,
    ...changes,
  };
}

const rules = tokenRules({
  issuers: [sso.issuer],
  servers: new Map([
    [
      'files',
      serverRule({
        scopes: ['files:read'],
        asked: ['files:read'],
        demands: [
          demand({ tools: ['write_file', 'delete_*'], scopes: ['files:write'] }),
          demand({ tools: ['delete_*'], scopes: ['files:delete'] }),
          demand({ tools: ['pay'], acr: ['gold', 'gold plus'], maxAge: 60_000 }),
          demand({ tools: ['sign'], acr: ['gold'], stepUpScope: 'files:sign' }),
          demand({ methods: new Set(['prompts/get']), scopes: ['files:prompts'] }),
        ],
      }),
    ],
  ]),
});
const metadata = `${gatewayUrl}/.well-known/oauth-protected-resource/mcp/files`;

/** The code and the challenge that a request is refused with. */
async function refusal(
  claims: object | null,
  tool: string | null,
  method = 'tools/call',
): Promise<readonly string[]> {
  const { gate } = testGate(rules);
  const token = claims && (await sso.token({ ...bound, ...claims }));
  const headers = {
    get: (name: string) => (name === 'authorization' && token ? `Bearer ${token}` : null),
    entries: () => [].values(),
  };
  try {
    const grant = await gate.admit({ headers, method: 'POST' }, own, 'files');
    gate.demand(grant, 'files', [{ method, tool }]);
    return [];
  } catch (error) {
    assert.ok(error instanceof TokenFault);
    return [error.code, error.headers['www-authenticate'] ?? ''];
  }
}

describe('O7 what a call needs besides a token', () => {
  test('RFC 9728 §5.1, RFC 6750 §3.1 who shows no token is told where to begin and nothing of an error', async () => {
    assert.deepEqual(await refusal(null, 'read'), [
      'token_required',
      `Bearer resource_metadata="${metadata}", scope="files:read"`,
    ]);
    assert.deepEqual(await refusal({ aud: 'https://other.example' }, 'read'), [
      'token_invalid',
      `Bearer resource_metadata="${metadata}", error="invalid_token", scope="files:read"`,
    ]);
  });

  test('RFC 6750 §3.1 a missing scope is answered with all that are needed, held ones too', async () => {
    const insufficient = (scope: string): readonly string[] => [
      'scope_insufficient',
      `Bearer resource_metadata="${metadata}", error="insufficient_scope", scope="${scope}"`,
    ];
    assert.deepEqual(
      await refusal({ scope: 'files:read' }, 'write_file'),
      insufficient('files:read files:write'),
    );
    assert.deepEqual(
      await refusal({ scope: 'files:read files:write' }, 'delete_all'),
      insufficient('files:read files:write files:delete'),
    );
    assert.deepEqual(await refusal({ scope: 'files:write' }, 'read'), insufficient('files:read'));
    assert.deepEqual(
      await refusal({ scope: 'files:read' }, null, 'prompts/get'),
      insufficient('files:read files:prompts'),
    );
    assert.deepEqual(await refusal({ scope: undefined }, 'read'), insufficient('files:read'));
    for (const [scope, tool] of [
      ['files:read', 'read'],
      ['files:read files:write', 'write_file'],
      ['files:delete files:read files:write', 'delete_all'],
      ['files:read', 'undelete_'],
    ] as const) {
      assert.deepEqual(await refusal({ scope }, tool), [], `${scope} for ${tool}`);
    }
    // A scope is a whole word.
    assert.equal(
      (await refusal({ scope: 'files:read files:writer' }, 'write_file'))[0],
      'scope_insufficient',
    );
  });

  test('RFC 9470 §3 a login that is not good enough is answered with what is', async () => {
    const wanted = [
      'login_insufficient',
      `Bearer resource_metadata="${metadata}", error="insufficient_user_authentication", scope="files:read", acr_values="gold gold plus", max_age="60"`,
    ];
    assert.deepEqual(await refusal({}, 'pay'), wanted);
    assert.deepEqual(await refusal({ acr: 'gold' }, 'pay'), wanted, 'no auth_time');
    assert.deepEqual(await refusal({ acr: 'gold', auth_time: now - 91 }, 'pay'), wanted);
    assert.deepEqual(await refusal({ acr: 'silver', auth_time: now }, 'pay'), wanted);
    assert.deepEqual(await refusal({ acr: 'gold', auth_time: now - 90 }, 'pay'), []);
  });

  test('a login that is not good enough is answered with a scope where one stands for it, which every client understands', async () => {
    assert.deepEqual(await refusal({}, 'sign'), [
      'scope_insufficient',
      `Bearer resource_metadata="${metadata}", error="insufficient_scope", scope="files:read files:sign"`,
    ]);
    assert.deepEqual(await refusal({ acr: 'gold' }, 'sign'), []);
    // The scope alone is no login.
    assert.equal((await refusal({ scope: 'files:read files:sign' }, 'sign'))[0], 'scope_insufficient');
  });

  test('an exchange under way goes on after the end of its token for an hour, and not once the token is ended', async () => {
    const { gate, clock, ended } = testGate(rules);
    const token = await sso.token(bound);
    const headers = {
      get: (name: string) => (name === 'authorization' ? `Bearer ${token}` : null),
      entries: () => [].values(),
    };
    const grant = await gate.admit({ headers, method: 'POST' }, own, 'files');
    clock.advance(299_000 + 3_600_000);
    gate.confirm(grant, 'files');
    ended.add('token-1');
    assert.throws(() => gate.confirm(grant, 'files'), { code: 'token_ended' });
    ended.clear();
    clock.advance(1_000);
    assert.throws(() => gate.confirm(grant, 'files'), { code: 'token_invalid' });
    assert.throws(() => gate.confirm(null, 'files'), { code: 'token_required' });
    gate.confirm(null, 'other');
  });
});

test('RFC 9728 §2 and §3.1 metadata is at the inserted path of each server that wants tokens, and of all at the root', () => {
  const together = serverRule({ asked: ['files:read'] });
  const { gate } = testGate({ ...rules, allServers: together });
  assert.deepEqual(gate.metadataAt('/.well-known/oauth-protected-resource/mcp/files'), {
    resource: `${gatewayUrl}/mcp/files`,
    resource_name: 'The MCP server files',
    authorization_servers: ['https://sso.example.internal'],
    scopes_supported: ['files:read', 'files:write', 'files:delete', 'files:prompts'],
    bearer_methods_supported: ['header'],
    tls_client_certificate_bound_access_tokens: true,
  });
  const all = gate.metadataAt('/.well-known/oauth-protected-resource');
  assert.equal(all?.['resource'], `${gatewayUrl}/mcp`);
  assert.deepEqual(gate.metadataAt('/.well-known/oauth-protected-resource/mcp'), all);
  for (const path of ['/mcp/other', '/mcp/', '/mcp/files/', '/files', '/mcp/files/x']) {
    assert.equal(gate.metadataAt(`/.well-known/oauth-protected-resource${path}`), null, path);
  }
  const { gate: none } = testGate(tokenRules({ servers: new Map() }));
  assert.equal(none.metadataAt('/.well-known/oauth-protected-resource'), null);
});
