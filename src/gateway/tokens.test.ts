import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { describe, test } from 'node:test';
import type { JWK } from 'jose';
import type { Standing } from '../identity/standing.ts';
import { sha256Base64url } from '../kernel/bytes.ts';
import { Grant } from '../oauth/resource/grant.ts';
import type { TokenIssuer } from '../oauth/resource/token-rules.ts';
import { standingOf } from './caller.fixture.ts';
import {
  gatewayUrl,
  mintingIssuer,
  serverRule,
  signed,
  testGate,
  tokenRules,
  tokenTime,
} from './token.fixture.ts';

const own = await standingOf('ci-bot');
const thief = await standingOf('thief');
const now = tokenTime / 1_000;

function boundTo({ caller }: Standing): { readonly cnf: object } {
  return { cnf: { 'x5t#S256': caller.thumbprint } };
}

const sso = mintingIssuer();
const rules = tokenRules({
  issuers: [sso.issuer],
  servers: new Map([
    ['files', serverRule({ scopes: ['files:read'], asked: ['files:read'] })],
    ['git', serverRule()],
  ]),
});

describe('O1 a token at the gateway', () => {
  test('RFC 8705 §3 bound to the certificate of this very connection is a grant with everything it says', async () => {
    const { gate } = testGate(rules);
    const token = await sso.token({
      ...boundTo(own),
      acr: 'gold',
      auth_time: now - 60,
      act: { sub: 'a', act: { sub: 'b' } },
    });
    const headers = {
      get: (name: string) => (name === 'authorization' ? `Bearer ${token}` : null),
      entries: () => [].values(),
    };
    const grant = await gate.admit({ headers, method: 'POST' }, own, 'files');
    assert.ok(grant && Grant.proves(grant));
    assert.deepEqual(Object.fromEntries(Object.entries(grant)), {
      issuer: 'https://sso.example.internal',
      issuerName: 'sso',
      subject: 'alice',
      person: 'sso:alice',
      client: 'desktop',
      scopes: ['files:read', 'files:write'],
      audience: `${gatewayUrl}/mcp/files`,
      grantId: 'grant-1',
      tokenId: 'token-1',
      binding: 'mtls',
      actors: ['a', 'b'],
      authenticatedAt: (now - 60) * 1_000,
      acr: 'gold',
      issuedAt: tokenTime,
      expiresAt: tokenTime + 300_000,
      agent: own.caller.spiffeId,
    });
  });

  test('only the all-right cell of token × certificate × server × tool × state passes', async () => {
    const writing = {
      methods: new Set(['tools/call']),
      tools: ['write_file'],
      scopes: ['files:write'],
      acr: null,
      maxAge: null,
      stepUpScope: null,
    };
    const { servers } = rules;
    const files = serverRule({ scopes: ['files:read'], asked: ['files:read'], demands: [writing] });
    const held = { ...rules, servers: new Map([...servers, ['files', files]]) };
    const reading = { scope: 'files:read' };
    const tokens = {
      'for files, bound to ours': await sso.token(boundTo(own)),
      'to read files, bound to ours': await sso.token({ ...boundTo(own), ...reading }),
      'for git, bound to ours': await sso.token({ ...boundTo(own), aud: `${gatewayUrl}/mcp/git` }),
      'for files, bound to the thief': await sso.token(boundTo(thief)),
      'for files, bound to nothing': await sso.token(),
      none: null,
    };
    const cells = [];
    for (const [what, token] of Object.entries(tokens))
      for (const [who, standing] of Object.entries({ ours: own, thief }))
        for (const server of ['files', 'git'])
          for (const tool of ['read_file', 'write_file'])
            for (const state of ['alive', 'ended', 'expired'])
              cells.push({ what, token, who, standing, server, tool, state });
    const passed: string[] = [];
    for (const { what, token, who, standing, server, tool, state } of cells) {
      const { answer, clock, ended } = testGate(held);
      const ask = { method: 'tools/call', tool };
      // The signature is known before the state changes: nothing else may be remembered.
      await answer(token, standing, { server, ask });
      if (state === 'ended') ended.add('token-1');
      if (state === 'expired') clock.advance(331_000);
      const came = await answer(token, standing, { server, ask });
      const cell = `${what} | ${who} | ${server} | ${tool} | ${state}`;
      if (came === 'mtls') passed.push(cell);
      else assert.match(came, /^(token_(required|invalid|ended)|scope_insufficient)$/, cell);
    }
    assert.deepEqual(passed, [
      'for files, bound to ours | ours | files | read_file | alive',
      'for files, bound to ours | ours | files | write_file | alive',
      'to read files, bound to ours | ours | files | read_file | alive',
      'for git, bound to ours | ours | git | read_file | alive',
      'for git, bound to ours | ours | git | write_file | alive',
      'for files, bound to the thief | thief | files | read_file | alive',
      'for files, bound to the thief | thief | files | write_file | alive',
    ]);
  });

  test('at a server that wants none is not even looked at', async () => {
    const { answer } = testGate(rules);
    assert.equal(await answer('rubbish', own, { server: 'other' }), 'no token wanted');
    assert.equal(await answer(null, own, { server: 'other' }), 'no token wanted');
  });
});

describe('O1 attacks on tokens', () => {
  const refused = async (what: string, token: string, issuer: TokenIssuer = sso.issuer): Promise<void> => {
    const { answer } = testGate({ ...rules, issuers: [issuer] });
    assert.equal(await answer(token, own), 'token_invalid', what);
  };
  const parts = async (): Promise<readonly [string, string, string]> =>
    (await sso.token(boundTo(own))).split('.') as [string, string, string];
  const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

  test('RFC 8725 §3.1 algorithms are pinned: none, HS256 with the public key, and those of other keys are refused', async () => {
    const [, claims, signature] = await parts();
    for (const alg of ['none', 'None', 'nOnE', '', 'HS256', 'RS256', 'PS256', 'ES384', 'EdDSA']) {
      const header = encoded({ alg, typ: 'at+jwt', kid: 'one' });
      await refused(alg, `${header}.${claims}.${signature}`);
      await refused(alg, `${header}.${claims}.`);
    }
    const header = encoded({ alg: 'HS256', typ: 'at+jwt', kid: 'one' });
    const secrets = [JSON.stringify(sso.jwk), sso.jwk.x ?? '', 'one', ''];
    for (const secret of secrets) {
      const mac = createHmac('sha256', secret).update(`${header}.${claims}`).digest('base64url');
      await refused('the public key as a secret', `${header}.${claims}.${mac}`);
    }
    // An issuer that has keys of several kinds, of which one counts; and a key that is too small.
    const large = generateKeyPairSync('rsa', { modulusLength: 2_048 });
    const small = generateKeyPairSync('rsa', { modulusLength: 1_024 });
    for (const [pair, algorithms] of [
      [large, ['ES256']],
      [small, ['RS256']],
    ] as const) {
      const jwk = { ...pair.publicKey.export({ format: 'jwk' }), kid: 'rsa' } as JWK;
      const issuer = {
        ...sso.issuer,
        algorithms: new Set(algorithms),
        keys: { kind: 'set' as const, set: { keys: [sso.jwk, jwk] } },
      };
      const input = `${encoded({ alg: 'RS256', typ: 'at+jwt', kid: 'rsa' })}.${claims}`;
      const proof = sign('sha256', Buffer.from(input), pair.privateKey).toString('base64url');
      await refused(`RS256 where ${algorithms.join()} counts`, `${input}.${proof}`, issuer);
    }
    // An algorithm that counts, with a key that it is not for.
    const both = { ...sso.issuer, algorithms: new Set(['ES256', 'RS256'] as const) };
    await refused(
      'key and algorithm do not fit',
      `${encoded({ alg: 'RS256', typ: 'at+jwt', kid: 'one' })}.${claims}.${signature}`,
      both,
    );
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 });
    await refused(
      'not among those of its issuer',
      await signed({ alg: 'RS256', typ: 'at+jwt' }, { sub: 'alice' }, rsa.privateKey),
    );
  });

  test('RFC 8725 §3.10 keys are looked up by kid and come from nowhere else', async () => {
    const mallory = mintingIssuer();
    const claims = boundTo(own);
    const paths = [
      '../../../dev/null',
      "one' OR '1'='1",
      'https://evil.example/jwks',
      'one\0',
      '__proto__',
      '',
      'x'.repeat(300),
    ];
    for (const kid of paths) await refused(`kid ${kid}`, await mallory.token(claims, { kid }));
    const { jwk } = mallory;
    for (const header of [
      { jwk },
      { jku: 'https://evil.example/jwks' },
      { x5u: 'https://evil.example/cert' },
      { x5c: ['MIIB'] },
      { jwk, kid: undefined },
    ]) {
      await refused(JSON.stringify(header), await mallory.token(claims, header));
    }
    await refused('the right key by another name', await sso.token(claims, { kid: 'two' }));
    await refused('a kid that is no text', await sso.token(claims, { kid: 1 }));
    // Two keys of one kid leave open which is meant.
    const { jwk: other } = mintingIssuer();
    const doubled = { ...sso.issuer, keys: { kind: 'set' as const, set: { keys: [sso.jwk, other] } } };
    await refused('two keys of one name', await sso.token(claims), doubled);
    const { answer } = testGate({ ...rules, issuers: [sso.issuer] });
    assert.equal(
      await answer(await sso.token(claims, { kid: undefined }), own),
      'mtls',
      'one key needs no name',
    );
  });

  test('RFC 7515 §4.1.11 and RFC 7797 extensions that would have to be understood are refused', async () => {
    const [, claims] = await parts();
    const key = { key: sso.privateKey, dsaEncoding: 'ieee-p1363' } as const;
    for (const more of [{ crit: ['exp'] }, { crit: [] }, { b64: false }, {}]) {
      const input = `${encoded({ alg: 'ES256', typ: 'at+jwt', kid: 'one', ...more })}.${claims}`;
      const token = `${input}.${sign('sha256', Buffer.from(input), key).toString('base64url')}`;
      if (Object.keys(more).length > 0) await refused(JSON.stringify(more), token);
      else assert.equal(await testGate(rules).answer(token, own), 'mtls', 'without one it is good');
    }
  });

  test('RFC 9068 §4 and RFC 8725 §3.11 a JWT of another type is no access token', async () => {
    for (const typ of ['JWT', 'jwt', 'id+jwt', 'dpop+jwt', 'logout+jwt', undefined, 1, 'at+jwt;x']) {
      await refused(`typ ${String(typ)}`, await sso.token(boundTo(own), { typ }));
    }
    const { answer } = testGate(rules);
    assert.equal(await answer(await sso.token(boundTo(own), { typ: 'application/at+JWT' }), own), 'mtls');
    const old = { ...sso.issuer, type: 'JWT' as const };
    await refused('at+jwt where JWT is set', await sso.token(boundTo(own), { typ: 'at+jwt' }), old);
    for (const more of [{ typ: 'ID' }, { typ: 'Refresh' }, { at_hash: 'x' }, { events: {} }]) {
      await refused(JSON.stringify(more), await sso.token({ ...boundTo(own), ...more }, { typ: 'JWT' }), old);
    }
    for (const lacking of ['client_id', 'jti', 'iat', 'sub', 'exp', 'aud', 'iss']) {
      await refused(`without ${lacking}`, await sso.token({ ...boundTo(own), [lacking]: undefined }));
    }
  });

  test('RFC 8707 §2 the audience is the resource, octet by octet, and no other one', async () => {
    const resource = `${gatewayUrl}/mcp/files`;
    for (const aud of [
      `${resource}/`,
      resource.toUpperCase(),
      `${gatewayUrl}/mcp`,
      gatewayUrl,
      `${gatewayUrl}/mcp/git`,
      `${resource}?x`,
      'https://gateway.example.internal/mcp/files',
      [],
      [resource, 'https://other.example'],
      [resource, 7],
      { resource },
      '',
    ]) {
      await refused(JSON.stringify(aud), await sso.token({ ...boundTo(own), aud }));
    }
    const among = { ...sso.issuer, audience: 'among' as const };
    const { answer } = testGate({ ...rules, issuers: [among] });
    assert.equal(await answer(await sso.token({ ...boundTo(own), aud: ['account', resource] }), own), 'mtls');
    assert.equal(await answer(await sso.token({ ...boundTo(own), aud: ['account'] }), own), 'token_invalid');
  });

  test('RFC 8414 §2 and RFC 9207 §2.4 another issuer is another issuer, however alike', async () => {
    for (const iss of [
      'https://sso.example.internal/',
      'https://SSO.example.internal',
      'https://evil.example',
      1,
      null,
    ]) {
      await refused(JSON.stringify(iss), await sso.token({ ...boundTo(own), iss }));
    }
    // A key of one issuer signs nothing of another one.
    const other = mintingIssuer({ name: 'other', issuer: 'https://other.example' });
    const { answer } = testGate({ ...rules, issuers: [sso.issuer, other.issuer] });
    assert.equal(
      await answer(await sso.token({ ...boundTo(own), iss: other.issuer.issuer }), own),
      'token_invalid',
    );
    const files = serverRule({ issuers: new Set(['sso']) });
    const narrow = testGate({
      ...rules,
      issuers: [sso.issuer, other.issuer],
      servers: new Map([['files', files]]),
    });
    assert.equal(
      await narrow.answer(await other.token(boundTo(own)), own),
      'token_invalid',
      'not for this server',
    );
    assert.equal(await narrow.answer(await sso.token(boundTo(own)), own), 'mtls');
  });

  test('a person of one issuer is never taken for one of another', async () => {
    const home = mintingIssuer({ name: 'countersign', issuer: 'https://home.example', personPrefix: '' });
    const { answer } = testGate({ ...rules, issuers: [home.issuer, sso.issuer] });
    assert.equal(await answer(await home.token({ ...boundTo(own), sub: 'alice' }), own), 'mtls');
    assert.equal(await answer(await home.token({ ...boundTo(own), sub: 'sso:alice' }), own), 'token_invalid');
    assert.equal(
      await answer(await sso.token({ ...boundTo(own), sub: 'sso:alice' }), own),
      'mtls',
      'sso:sso:alice',
    );
  });

  test('RFC 7519 §4.1 times hold within 30 s of skew, and a life has its bound', async () => {
    const came = async (claims: object): Promise<string> =>
      await testGate(rules).answer(await sso.token({ ...boundTo(own), ...claims }), own);
    assert.equal(await came({ iat: now - 300, exp: now - 29 }), 'mtls');
    assert.equal(await came({ iat: now - 300, exp: now - 30 }), 'token_invalid');
    assert.equal(await came({ nbf: now + 30 }), 'mtls');
    assert.equal(await came({ nbf: now + 31 }), 'token_invalid');
    assert.equal(await came({ iat: now + 31 }), 'token_invalid');
    assert.equal(await came({ exp: now + 3_631 }), 'token_invalid');
    for (const exp of ['never', 1e300, -1, null, true])
      assert.equal(await came({ exp }), 'token_invalid', String(exp));
  });

  test('RFC 7800 §3.1 bound twice, to nothing that is known, or to what is no thumbprint: refused', async () => {
    const x5t = own.caller.thumbprint;
    for (const cnf of [
      { 'x5t#S256': x5t, jkt: x5t },
      { 'x5t#S256': x5t, jwk: {} },
      { jwk: {} },
      { kid: 'one' },
      { 'x5t#S256': [x5t] },
      { 'x5t#S256': '' },
      { 'x5t#S256': `${x5t}=` },
      { 'x5t#S256': x5t.toLowerCase() },
      {},
      [],
      null,
      x5t,
    ]) {
      await refused(JSON.stringify(cnf), await sso.token({ cnf }));
    }
    const { answer } = testGate(rules);
    const bound = await sso.token(boundTo(own));
    assert.equal(
      await answer(bound, own, { scheme: 'DPoP' }),
      'token_invalid',
      'RFC 9449 §7.1: two ways at once',
    );
    assert.equal(await answer(bound, own, { scheme: 'bearer' }), 'mtls');
    for (const scheme of ['Basic', 'Bearer Bearer', 'Token', '']) {
      assert.equal(await answer(bound, own, { scheme }), 'token_invalid', scheme);
    }
  });

  test('RFC 8725 §3.2 what can be read in two ways, is too long or is no JWT is refused before its signature', async () => {
    const [header, claims, signature] = await parts();
    const twice = '{"iss":"https://sso.example.internal","sub":"alice","sub":"root"}';
    const folded = '{"iss":"https://sso.example.internal","sub":"alice","Sub":"root"}';
    for (const text of [twice, folded, '[]', 'null', '{', `{"a":${'['.repeat(50)}${']'.repeat(50)}}`]) {
      await refused(text, await signed({ alg: 'ES256', typ: 'at+jwt', kid: 'one' }, text, sso.privateKey));
    }
    for (const token of [
      'x',
      '..',
      `${header}.${claims}`,
      `${header}.${claims}.${signature}.${signature}`,
      `${header}.${claims}.${signature}=`,
      `${header}.${claims}.${signature.slice(0, -1)}`,
      `${header}.${claims}..`,
      `.${claims}.${signature}`,
      await sso.token({ ...boundTo(own), pad: 'x'.repeat(17_000) }),
    ]) {
      await refused(token.slice(0, 40), token);
    }
    await refused('no scopes', await sso.token({ ...boundTo(own), scope: 'files:read\u0000x' }));
    await refused('scopes that are no texts', await sso.token({ ...boundTo(own), scope: [1] }));
    let act: object = { sub: 'a' };
    for (let deep = 0; deep < 8; deep++) act = { sub: 'a', act };
    await refused('more actors than eight', await sso.token({ ...boundTo(own), act }));
  });

  test('RFC 8725 §3.3 a token that differs in one character from a good one is never good', async () => {
    const token = await sso.token(boundTo(own));
    const stage = testGate(rules);
    assert.equal(await stage.answer(token, own), 'mtls');
    for (let at = 0; at < token.length; at += 3) {
      const other = token[at] === 'A' ? 'B' : 'A';
      const changed = `${token.slice(0, at)}${other}${token.slice(at + 1)}`;
      assert.equal(await stage.answer(changed, own), 'token_invalid', `character ${at}`);
    }
  });

  test('a signature is remembered for the whole token, the issuer as it is now and its keys as they are now', async () => {
    const token = await sso.token(boundTo(own));
    const gate = testGate(rules);
    assert.equal(await gate.answer(token, own), 'mtls');
    const [header, claims, signature] = token.split('.') as [string, string, string];
    const flipped = `${signature[0] === 'A' ? 'B' : 'A'}${signature.slice(1)}`;
    assert.equal(await gate.answer(`${header}.${claims}.${flipped}`, own), 'token_invalid');
    assert.notEqual(sha256Base64url(token), sha256Base64url(`${header}.${claims}.${flipped}`));
    gate.rotated.set('sso', { keys: [] });
    assert.equal(await gate.answer(token, own), 'token_invalid', 'its key was withdrawn by its issuer');
    gate.rotated.clear();
    assert.equal(await gate.answer(token, own), 'mtls');
    gate.rules = { ...rules, issuers: [{ ...sso.issuer, keys: { kind: 'set', set: { keys: [] } } }] };
    assert.equal(await gate.answer(token, own), 'token_invalid', 'its key is withdrawn');
    gate.rules = { ...rules, issuers: [] };
    assert.equal(await gate.answer(token, own), 'token_invalid', 'its issuer is gone');
  });

  test('O4 an unbound token counts beside the agents that its client is paired with, and nowhere else', async () => {
    const pairs = [{ clients: new Set(['desktop']), agents: new Set(['ci-bot']), roles: null }];
    const issuer = { ...sso.issuer, pairs };
    const at = (binding: 'mtls' | 'paired' | 'bearer') =>
      testGate({
        ...rules,
        issuers: [issuer],
        servers: new Map([
          [
            'files',
            serverRule({
              bindings: new Set(binding === 'bearer' ? ['mtls', 'paired', 'bearer'] : ['mtls', binding]),
            }),
          ],
        ]),
      });
    const token = await sso.token();
    assert.equal(await at('paired').answer(token, own), 'paired');
    assert.equal(await at('paired').answer(token, thief), 'token_invalid');
    assert.equal(await at('paired').answer(await sso.token({ client_id: 'other' }), own), 'token_invalid');
    assert.equal(
      await at('paired').answer(await sso.token({ azp: 'other' }), own),
      'token_invalid',
      'two clients',
    );
    assert.equal(await at('mtls').answer(token, own), 'token_invalid');
    assert.equal(await at('bearer').answer(token, thief), 'bearer', 'what the operator took the risk of');
    // A binding is not taken off by a server that needs none.
    assert.equal(await at('bearer').answer(await sso.token(boundTo(own)), thief), 'token_invalid');
    const byRole = [{ clients: new Set(['desktop']), agents: null, roles: new Set(['desk']) }];
    const roles = testGate({
      ...rules,
      issuers: [{ ...issuer, pairs: byRole }],
      servers: new Map([['files', serverRule({ bindings: new Set(['paired']) })]]),
    });
    assert.equal(await roles.answer(token, await standingOf('x', { roles: ['desk'] })), 'paired');
    assert.equal(await roles.answer(token, own), 'token_invalid');
  });
});
