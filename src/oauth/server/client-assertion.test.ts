import assert from 'node:assert/strict';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { base64url, decodeJwt, exportJWK, type JWK, SignJWT } from 'jose';
import type { Client } from '../../http/fetch.ts';
import { steppedClock } from '../../kernel/clock.ts';
import { clientDocuments } from './client-documents.ts';
import { asked, codeFor, verifier } from './flows.fixture.ts';
import { memoryOauthRecords } from './memory-records.ts';
import type { OauthRecords } from './oauth-records.ts';
import type { RegisteredClient } from './registered-clients.ts';
import { type Answer, files, issuer, openTestServer, spiffe, type TestServer } from './server.fixture.ts';

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const now = (): number => Math.floor(Date.now() / 1_000);

interface Signer {
  readonly jwk: JWK;
  sign(
    id: string,
    claims?: Readonly<Record<string, unknown>>,
    header?: Readonly<Record<string, unknown>>,
  ): Promise<string>;
}

async function signer(kid = 'k1'): Promise<Signer> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    jwk: { ...(await exportJWK(publicKey)), kid, use: 'sig' },
    sign: (id, claims = {}, header = {}) =>
      new SignJWT({
        iss: id,
        sub: id,
        aud: issuer,
        jti: randomUUID(),
        iat: now(),
        exp: now() + 60,
        ...claims,
      })
        .setProtectedHeader({ alg: 'ES256', kid, ...header })
        .sign(privateKey),
  };
}

/** A proof of a key of the client's own (RFC 9449). */
async function prover(): Promise<() => Promise<{ dpop: string }>> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = await exportJWK(publicKey);
  return async () => ({
    dpop: await new SignJWT({ jti: randomUUID(), htm: 'POST', htu: `${issuer}/token` })
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
      .setIssuedAt()
      .sign(privateKey),
  });
}

const registered = (key: Signer, more: Partial<RegisteredClient> = {}): RegisteredClient => ({
  id: 'reporting',
  name: 'Monthly reports',
  redirects: [],
  grants: ['client_credentials'],
  algorithm: null,
  keys: { keys: [key.jwk] },
  ...more,
});

async function townOf(client: RegisteredClient, records?: OauthRecords): Promise<TestServer> {
  return await openTestServer({
    ...(records && { records }),
    clients: { find: async (id) => (id === client.id ? client : null) },
  });
}

/** A store that takes its time to look, as one elsewhere does: everybody has looked before anybody writes. */
function slowRecords(): ReturnType<typeof memoryOauthRecords> {
  const records = memoryOauthRecords();
  return {
    ...records,
    async find(...asked) {
      const found = await records.find(...asked);
      await wait(20);
      return found;
    },
  };
}

function alone(
  town: TestServer,
  assertion: string,
  { as = null, ...headers }: { as?: string | null; dpop?: string } = {},
): Promise<Answer> {
  const form = {
    grant_type: 'client_credentials',
    resource: files,
    client_assertion_type: assertionType,
    client_assertion: assertion,
  };
  return town.post('/token', form, as, headers);
}

describe('O2, O6 clients that prove who they are with a key (RFC 7523 §2.2)', () => {
  test('get tokens bound to a key of their own, or to the certificate of the connection, and never bearer tokens', async () => {
    const key = await signer();
    const town = await townOf(registered(key));
    const proof = await prover();
    const withKey = await alone(town, await key.sign('reporting'), await proof());
    assert.equal(withKey.status, 200, withKey.text);
    assert.equal(withKey.json['token_type'], 'DPoP');
    const claims = decodeJwt(String(withKey.json['access_token']));
    assert.deepEqual([claims.sub, claims['client_id'], claims['scope']], ['reporting', 'reporting', 'mcp']);
    assert.deepEqual(Object.keys(claims['cnf'] as object), ['jkt']);
    const withCertificate = await alone(town, await key.sign('reporting'), { as: 'reader' });
    const bound = decodeJwt(String(withCertificate.json['access_token']));
    assert.deepEqual(Object.keys(bound['cnf'] as object), ['x5t#S256']);
    const bare = await alone(town, await key.sign('reporting'));
    assert.equal(bare.status, 400, bare.text);
    assert.equal(bare.json['access_token'], undefined);
    assert.deepEqual(
      town.events.flatMap((event) => (event.type === 'token.issued' ? [event.binding] : [])),
      ['dpop', 'mtls'],
    );
  });

  test('rfc7523bis §4, RFC 8725: are refused for another audience, life, time, kind, key, algorithm or name', async () => {
    const [key, other] = [await signer(), await signer()];
    const town = await townOf(registered(key));
    const proof = await prover();
    const sign = (claims: object, header: object = {}): Promise<string> =>
      key.sign('reporting', { ...claims }, { ...header });
    const unsigned = `${base64url.encode(JSON.stringify({ alg: 'none' }))}.${(await sign({})).split('.')[1]}.`;
    const symmetric = await new SignJWT({ iss: 'reporting', sub: 'reporting', aud: issuer, jti: 'x' })
      .setProtectedHeader({ alg: 'HS256', kid: 'k1' })
      .setExpirationTime(now() + 60)
      // RFC 8725 §2.1: the public key as a shared secret.
      .sign(Buffer.from(JSON.stringify(key.jwk)));
    const wrong: Readonly<Record<string, string>> = {
      'the token endpoint': await sign({ aud: `${issuer}/token` }),
      'another server': await sign({ aud: 'https://evil.example' }),
      'the issuer among others': await sign({ aud: [issuer, 'https://evil.example'] }),
      'a list of the issuer': await sign({ aud: [issuer] }),
      'no audience': await sign({ aud: undefined }),
      'an hour of life': await sign({ exp: now() + 3_600 }),
      'no end': await sign({ exp: undefined }),
      'an end that is no number': await sign({ exp: 'tomorrow' }),
      over: await sign({ exp: now() - 60 }),
      'not yet': await sign({ nbf: now() + 60 }),
      'made in the future': await sign({ iat: now() + 60 }),
      'no id': await sign({ jti: undefined }),
      'an id without end': await sign({ jti: 'x'.repeat(300) }),
      'another issuer': await sign({ iss: 'other' }),
      'another subject': await sign({ sub: 'other' }),
      'the subject of an agent': await sign({ iss: spiffe('reader'), sub: spiffe('reader') }),
      'a proof': await sign({}, { typ: 'dpop+jwt' }),
      'an access token': await sign({}, { typ: 'at+jwt' }),
      'another key': await other.sign('reporting'),
      'its own key in the header': await other.sign('reporting', {}, { kid: undefined, jwk: other.jwk }),
      unsigned: unsigned,
      'a shared secret': symmetric,
      'no JWT': 'x',
      'no JWT either': 'a.b.c',
    };
    for (const [what, assertion] of Object.entries(wrong)) {
      const { status, json, text } = await alone(town, assertion, await proof());
      assert.ok(status === 401 || status === 400, `${what}: ${text}`);
      assert.match(String(json['error']), /^invalid_(client|request)$/, what);
      assert.equal(json['access_token'], undefined, what);
    }
    assert.equal((await alone(town, await key.sign('reporting'), await proof())).status, 200);
    const pinned = await townOf(registered(key, { algorithm: 'PS256' }));
    assert.equal((await alone(pinned, await key.sign('reporting'), await proof())).status, 401);
  });

  test('RFC 7523 §3 (replay): an assertion is good once, also for many that show it at the same moment', async () => {
    const key = await signer();
    const town = await townOf(registered(key), slowRecords());
    const proof = await prover();
    const assertion = await key.sign('reporting');
    const proofs = await Promise.all(Array.from({ length: 20 }, proof));
    const answers = await Promise.all(proofs.map((each) => alone(town, assertion, each)));
    assert.equal(answers.filter(({ status }) => status === 200).length, 1);
    for (const { status, json } of answers.filter((answer) => answer.status !== 200)) {
      assert.deepEqual([status, json['error']], [401, 'invalid_client']);
    }
    assert.equal((await alone(town, assertion, await proof())).json['error'], 'invalid_client', 'later');
    // One that came to nothing is used up as well: whoever read it has nothing of it.
    const wasted = await key.sign('reporting');
    assert.equal((await alone(town, wasted)).status, 400);
    assert.equal((await alone(town, wasted, await proof())).status, 401);
  });

  test('O8 RFC 7009 §2.1, RFC 7662 §2.1: ask about their own tokens and end them, each time with an assertion, and nobody does for them', async () => {
    const key = await signer();
    const town = await townOf(registered(key));
    const proof = await prover();
    const token = String(
      (await alone(town, await key.sign('reporting'), await proof())).json['access_token'],
    );
    const agents = String(
      (
        await town.post(
          '/token',
          { grant_type: 'client_credentials', client_id: spiffe('reader'), resource: files },
          'reader',
        )
      ).json['access_token'],
    );
    const asking = async (path: string, about: string, assertion?: string): Promise<Answer> => {
      const client_assertion = assertion ?? (await key.sign('reporting'));
      return await town.post(path, {
        token: about,
        client_assertion_type: assertionType,
        client_assertion,
      });
    };
    const known = await asking('/introspect', token);
    assert.deepEqual(
      [known.status, known.json['active'], known.json['token_type'], known.json['client_id']],
      [200, true, 'DPoP', 'reporting'],
    );
    assert.deepEqual((await asking('/introspect', agents)).json, { active: false }, 'the token of an agent');
    const used = await key.sign('reporting');
    assert.equal((await asking('/introspect', token, used)).status, 200);
    const stranger = await signer();
    const wrong: Readonly<Record<string, Answer>> = {
      'an assertion that was used': await asking('/introspect', token, used),
      'another key': await asking('/introspect', token, await stranger.sign('reporting')),
      'its name alone': await town.post('/introspect', { token, client_id: 'reporting' }),
      nobody: await town.post('/introspect', { token }),
      'the name of an agent': await town.post('/revoke', { token: agents, client_id: spiffe('reader') }),
      'another key, to end it': await asking('/revoke', token, await stranger.sign('reporting')),
    };
    for (const [what, { status, json }] of Object.entries(wrong)) {
      assert.ok(status === 401 || status === 400, `${what}: ${status}`);
      assert.match(String(json['error']), /^invalid_(client|request)$/, what);
      assert.equal(json['active'], undefined, what);
    }
    assert.equal((await asking('/revoke', agents)).status, 200, 'RFC 7009 §2.2: as good as ended');
    assert.deepEqual(await town.records.ends(town.clock.now()), []);
    // The engine dates tokens by the machine's clock, which has gone on meanwhile.
    town.clock.advance(10_000);
    assert.equal((await asking('/revoke', token)).status, 200);
    assert.deepEqual((await asking('/introspect', token)).json, { active: false });
    const ended = town.events.filter(({ type }) => type === 'token.ended');
    assert.deepEqual(
      ended.map(({ kind, actor }) => [kind, actor]),
      [['token', 'reporting']],
    );
  });

  test('a key is not taken for a certificate, nor a name for either', async () => {
    const key = await signer();
    const town = await townOf(registered(key));
    const form = { grant_type: 'client_credentials', resource: files, client_id: 'reporting' };
    assert.equal((await town.post('/token', form, 'reader')).status, 401, 'its name alone');
    const asAgent = {
      client_assertion_type: assertionType,
      client_assertion: await key.sign(spiffe('reader')),
    };
    const taken = await town.post('/token', { ...form, ...asAgent, client_id: spiffe('reader') }, 'reader');
    assert.equal(taken.status, 401);
    const twice = { ...form, ...asAgent, client_assertion: await key.sign('reporting'), client_secret: 's' };
    assert.equal((await town.post('/token', twice)).status, 400, 'two ways at once');
  });
});

describe('O2 clients whose document names their keys', () => {
  const id = 'https://client.example/oauth/client.json';
  const jwksUri = 'https://client.example/jwks.json';
  const document = {
    client_id: id,
    client_name: 'Example',
    redirect_uris: ['https://client.example/callback'],
    token_endpoint_auth_method: 'private_key_jwt',
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
    jwks_uri: jwksUri,
  };

  async function published(keys: () => object | number) {
    const fetched: string[] = [];
    const client = {
      async request({ url }: { readonly url: string }) {
        fetched.push(url);
        const found = url === jwksUri ? keys() : document;
        const status = typeof found === 'number' ? found : 200;
        return { status, headers: {}, body: Buffer.from(JSON.stringify(found)) };
      },
    } as unknown as Client;
    const clock = steppedClock(0);
    return { town: await openTestServer({ documents: clientDocuments(client, clock) }), fetched, clock };
  }

  async function redeemAs(
    town: TestServer,
    key: Signer,
    headers: { dpop?: string },
    more: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    const redirect = 'https://client.example/callback';
    const code = await codeFor(town, { ...asked, client_id: id, redirect_uri: redirect });
    const form = {
      grant_type: 'authorization_code',
      code: code.searchParams.get('code') ?? '',
      redirect_uri: redirect,
      code_verifier: verifier,
      client_assertion_type: assertionType,
      client_assertion: await key.sign(id),
      ...more,
    };
    return await town.post('/token', form, null, headers);
  }

  test('prove themselves for a person, with keys that are fetched through the guard once a minute', async () => {
    const key = await signer();
    const { town, fetched, clock } = await published(() => ({ keys: [key.jwk] }));
    const proof = await prover();
    for (let time = 0; time < 3; time += 1) {
      const answer = await redeemAs(town, key, await proof());
      assert.equal(answer.status, 200, answer.text);
      const claims = decodeJwt(String(answer.json['access_token']));
      assert.deepEqual([claims.sub, Object.keys(claims['cnf'] as object)], ['ada', ['jkt']]);
    }
    assert.equal((await redeemAs(town, await signer(), await proof())).json['error'], 'invalid_client');
    assert.equal((await redeemAs(town, key, {})).json['error'], 'invalid_grant', 'no bearer token');
    assert.deepEqual(fetched, [id, jwksUri]);
    clock.advance(61_000);
    assert.equal((await redeemAs(town, key, await proof())).status, 200);
    assert.deepEqual(fetched.filter((url) => url === jwksUri).length, 2);
  });

  test('get nothing by themselves: nobody has said yes to a stranger', async () => {
    const key = await signer();
    const { town } = await published(() => ({ keys: [key.jwk] }));
    const proof = await prover();
    const { status, json } = await alone(town, await key.sign(id), await proof());
    assert.deepEqual([status, json['error']], [400, 'invalid_request']);
  });

  test('whose keys cannot be had get nothing, and their server is left alone', async () => {
    const { town, fetched } = await published(() => 503);
    const [key, proof] = [await signer(), await prover()];
    for (let time = 0; time < 5; time += 1) {
      const { json, status } = await redeemAs(town, key, await proof());
      assert.ok(status >= 400 && json['access_token'] === undefined);
    }
    assert.deepEqual(fetched, [id, jwksUri]);
  });
});
