import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { LookupFunction } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { openAcmeDoor } from '../../src/enrol/acme/acme-door.ts';
import { addressRanges } from '../../src/http/address-guard.ts';
import { sha256Base64url } from '../../src/kernel/bytes.ts';
import type { Json, JsonObject } from '../../src/kernel/canonical-json.ts';
import { certify } from '../../src/ca/certify.ts';
import { spkiOf } from '../../src/x509/build-certificate.ts';
import { readCertificate } from '../../src/x509/certificate.ts';
import { decodePem } from '../../src/x509/pem.ts';
import { buildRequest, readRequest } from '../../src/x509/request.ts';
import {
  bindingFor,
  csrFor,
  freshKey,
  jwkOf,
  openSigner,
  signed,
  type Signer,
} from '../interop/acme-signer.ts';
import { type AcmeTown, openAcmeTown } from '../interop/acme-town.ts';

const name = 'files.example.internal';
const loopback: LookupFunction = (_name, _options, callback) =>
  callback(null, [{ address: '127.0.0.1', family: 4 }]);
const dns = (value: string) => ({ type: 'dns', value });
const order = (...names: readonly string[]): JsonObject => ({ identifiers: names.map(dns) });

/** A town with one server and a signer that has its account. */
async function withAccount(use: (at: AcmeTown, me: Signer) => Promise<void>): Promise<void> {
  await using at = await openAcmeTown();
  await at.serveHttp();
  await using me = openSigner(at);
  assert.equal((await me.open(await at.key('files'))).status, 201);
  await use(at, me);
}

test('I3 without an external account key there is no account, and without an account nothing', async () => {
  await using at = await openAcmeTown();
  await using me = openSigner(at);
  const directory = await me.get('directory');
  assert.deepEqual(directory.body['meta'], { externalAccountRequired: true });
  const open = (payload: JsonObject) => me.post('new-account', payload, { kid: null });
  assert.equal((await open({ termsOfServiceAgreed: true })).problem, 'externalAccountRequired');
  assert.equal((await open({ onlyReturnExisting: true })).problem, 'accountDoesNotExist');

  const url = at.directory.replace('directory', 'new-account');
  const key = await at.key('files');
  const jwk = jwkOf(me.key);
  const wrong: readonly JsonObject[] = [
    bindingFor(url, { ...key, hmacKey: 'AAAA', jwk }),
    bindingFor(url, { ...key, kid: 'AAAAAAAAAAAAAAAAAAAAAA', jwk }),
    bindingFor(url, { ...key, jwk: jwkOf(freshKey()) }),
    bindingFor(at.directory, { ...key, jwk }),
    bindingFor(url, { ...key, jwk }, { nonce: await me.nonce() }),
    bindingFor(url, { ...key, jwk }, { alg: 'none' }),
    bindingFor(url, { ...key, jwk }, { alg: 'HS512' }),
    { ...bindingFor(url, { ...key, jwk }), header: {} },
    {},
  ];
  for (const externalAccountBinding of wrong) {
    assert.equal((await open({ externalAccountBinding })).problem, 'unauthorized');
  }
  assert.equal((await me.open(key)).status, 201);
  // The same account key finds its account; another one cannot use the binding again.
  assert.equal((await open({})).status, 200);
  await using other = openSigner(at);
  assert.equal((await other.open(key)).problem, 'unauthorized');
  const unused = await at.key('files');
  await at.run('acme-key.remove', { id: unused.kid });
  assert.equal((await other.open(unused)).problem, 'unauthorized');
});

test('I3 of twenty accounts opened at once with one external account key one is opened', async () => {
  await using at = await openAcmeTown();
  const key = await at.key('files');
  await using held = new AsyncDisposableStack();
  const signers = Array.from({ length: 20 }, () => held.use(openSigner(at)));
  const answers = await Promise.all(signers.map((signer) => signer.open(key)));
  assert.equal(answers.filter(({ status }) => status === 201).length, 1);
  assert.equal(answers.filter(({ problem }) => problem === 'unauthorized').length, 19);
});

test('I3 refuses what is replayed, signed for elsewhere, by another key, or not signed at all', () =>
  withAccount(async (at, me) => {
    const nonce = await me.nonce();
    assert.equal((await me.post('new-order', order(name), { nonce })).status, 201);
    const again = await me.post('new-order', order(name), { nonce });
    assert.equal(again.problem, 'badNonce');
    assert.ok((again.headers.get('replay-nonce') ?? '') !== '');
    const elsewhere = { url: at.directory.replace('directory', 'new-account') };
    assert.equal((await me.post('new-order', order(name), elsewhere)).problem, 'unauthorized');
    assert.equal((await me.post('new-order', order(name), { key: freshKey() })).problem, 'malformed');
    assert.equal((await me.post('new-order', order(name), { kid: null })).problem, 'malformed');
    const both = { header: { jwk: jwkOf(me.key) } };
    assert.equal((await me.post('new-order', order(name), both)).problem, 'malformed');
    const stranger = { kid: `${me.account}x` };
    assert.equal((await me.post('new-order', order(name), stranger)).problem, 'accountDoesNotExist');
    const none = await me.post('new-order', order(name), { header: { alg: 'none' } });
    assert.equal(none.problem, 'badSignatureAlgorithm');
    assert.deepEqual(none.body['algorithms'], ['ES256', 'RS256', 'EdDSA']);
    const json = await me.post('new-order', order(name), { contentType: 'application/json' });
    assert.deepEqual([json.status, json.problem], [415, 'malformed']);
    const changed = (jws: Record<string, string>): unknown => ({ ...jws, payload: `${jws['payload']}A` });
    assert.equal((await me.post('new-order', order(name), { change: changed })).problem, 'malformed');
    assert.equal((await me.get('new-order')).status, 405);
  }));

test('I3 a certificate is for what was proved and for nothing else', () =>
  withAccount(async (at, me) => {
    const place = await me.ready(name);
    const wrong = [
      csrFor({ dnsNames: [name, 'other.example.internal'] }),
      csrFor({ dnsNames: ['other.example.internal'] }),
      csrFor({ dnsNames: [name], ipAddresses: ['10.0.0.1'] }),
      csrFor({ dnsNames: [name] }, { commonName: 'other.example.internal' }),
      csrFor({ dnsNames: [name] }, { key: me.key }),
      'AAAA',
    ];
    for (const csr of wrong) assert.equal((await me.post(`${place}/finalize`, { csr })).problem, 'badCSR');
    assert.equal((await me.post(place, null)).body['status'], 'ready');
    const [one, two] = await Promise.all([
      me.finish(place, { dnsNames: [name] }),
      me.finish(place, { dnsNames: [name] }),
    ]);
    assert.deepEqual(new Set([one.status, two.status]), new Set([200, 403]));
    const records = await at.town.deployment.authority.store.certificates.list({ name: 'files' });
    assert.equal(records.length, 1);
  }));

test('I3 a request for the identity of another makes its order invalid and is in the log', () =>
  withAccount(async (_at, me) => {
    const place = await me.ready(name);
    const answer = await me.finish(place, {
      dnsNames: [name],
      uris: ['spiffe://example.internal/server/authority'],
    });
    assert.equal(answer.problem, 'badCSR');
    const { body } = await me.post(place, null);
    assert.equal(body['status'], 'invalid');
    assert.equal((await me.finish(place, { dnsNames: [name] })).problem, 'orderNotReady');
  }));

test('I3 an order that is not proved gives nothing, and one account cannot touch what is of another', () =>
  withAccount(async (at, me) => {
    const { headers, body } = await me.post('new-order', order(name));
    const place = headers.get('location') ?? '';
    assert.equal((await me.finish(place, { dnsNames: [name] })).problem, 'orderNotReady');
    const mine = await me.ready(name);
    const done = await me.finish(mine, { dnsNames: [name] });
    await using other = openSigner(at);
    await other.open(await at.key('other'));
    const [authorization = ''] = body['authorizations'] as string[];
    const challenge = authorization.replace('authorization', 'challenge');
    const places: readonly (readonly [string, JsonObject | null])[] = [
      [place, null],
      [authorization, null],
      [authorization, { status: 'deactivated' }],
      [`${challenge}/http-01`, {}],
      [`${mine}/finalize`, { csr: csrFor({ dnsNames: [name] }) }],
      [done.body['certificate'] as string, null],
      [me.account ?? '', { status: 'deactivated' }],
      [`${me.account}/orders`, null],
    ];
    for (const [url, payload] of places)
      assert.equal((await other.post(url, payload)).problem, 'unauthorized');
    const chain = await me.post(done.body['certificate'] as string, null);
    const [der] = decodePem(chain.text, 'CERTIFICATE');
    const certificate = Buffer.from(der ?? []).toString('base64url');
    assert.equal((await other.post('revoke-cert', { certificate })).problem, 'unauthorized');
    const byStranger = { kid: null, key: freshKey() };
    assert.equal((await other.post('revoke-cert', { certificate }, byStranger)).problem, 'unauthorized');
    assert.equal((await me.post('revoke-cert', { certificate, reason: 6 })).problem, 'badRevocationReason');
    // An account that has proved the same name may revoke (RFC 8555 §7.6).
    await other.ready(name);
    assert.equal((await other.post('revoke-cert', { certificate })).status, 200);
    assert.equal((await me.post('revoke-cert', { certificate })).problem, 'alreadyRevoked');
  }));

test('I3 who holds the key of a certificate revokes it without an account', () =>
  withAccount(async (at, me) => {
    const key = freshKey();
    const place = await me.ready(name);
    const csr = csrFor({ dnsNames: [name] }, { key });
    const done = await me.post(`${place}/finalize`, { csr });
    const chain = await me.post(done.body['certificate'] as string, null);
    const [der] = decodePem(chain.text, 'CERTIFICATE');
    const certificate = Buffer.from(der ?? []).toString('base64url');
    await using holder = openSigner(at);
    assert.equal(
      (await holder.post('revoke-cert', { certificate, reason: 1 }, { kid: null, key })).status,
      200,
    );
    const record = await at.town.deployment.authority.store.certificates.find(
      readCertificate(der ?? new Uint8Array()).serial,
    );
    assert.equal(record?.state, 'revoked');
    assert.match(record?.reason ?? '', /key compromise/);
  }));

test('I3 names beyond the external account key, the authority and the trust domain are refused', async () => {
  await using at = await openAcmeTown();
  await using me = openSigner(at);
  await me.open(await at.key('files', { dnsNames: [name] }));
  assert.equal((await me.post('new-order', order('other.example.internal'))).problem, 'rejectedIdentifier');
  await using free = openSigner(at);
  await free.open(await at.key('free'));
  assert.equal((await free.post('new-order', order('www.example.com'))).problem, 'rejectedIdentifier');
  const mail = { identifiers: [{ type: 'email', value: 'a@example.internal' }] };
  assert.equal((await free.post('new-order', mail)).problem, 'unsupportedIdentifier');
  const long = { ...order('a.example.internal'), notAfter: '2099-01-01T00:00:00Z' };
  assert.equal((await free.post('new-order', long)).problem, 'malformed');
  await assert.rejects(at.key('authority'), { code: 'conflict' });
  await assert.rejects(at.run('acme-key.create', { name: 'nobody' }), { code: 'not_found' });
  await at.town.deployment.authority.removeServer('free');
  assert.equal((await free.post('new-order', order('a.example.internal'))).problem, 'unauthorized');
});

test('law 8 a challenge is looked at only where the configuration allows, and no redirect is followed', async () => {
  await using at = await openAcmeTown({ addresses: ['public', '10.0.0.0/8'] });
  await using me = openSigner(at);
  await me.open(await at.key('files'));
  await me.ready(name);
  const text = JSON.stringify(await at.town.deployment.authority.store.acmeOrders.unsettled());
  assert.equal(text, '[]');
  const [latest] = await at.town.deployment.authority.store.acmeOrders.listOf(
    me.account?.split('/').at(-1) ?? '',
    1,
  );
  assert.equal(latest?.status, 'invalid');
  assert.match(JSON.stringify(latest?.problem), /127\.0\.0\.1, which is not in the ranges/);

  await using near = await openAcmeTown();
  let reached = 0;
  const server = createServer((request, response) => {
    if (request.url?.startsWith('/.well-known/')) response.writeHead(302, { location: '/elsewhere' }).end();
    else {
      reached += 1;
      response.end();
    }
  });
  server.listen(near.httpPort, '127.0.0.1');
  await once(server, 'listening');
  await using you = openSigner(near);
  await you.open(await near.key('files'));
  const place = await you.ready(name);
  const { body } = await you.post(place, null);
  assert.equal(body['status'], 'invalid');
  assert.match(JSON.stringify(body['error']), /redirect/);
  assert.equal(reached, 0);
  server.close();
});

test('I3 an account changes its key; the old one is worth nothing from then on', () =>
  withAccount(async (at, me) => {
    const key = freshKey();
    const url = at.directory.replace('directory', 'key-change');
    const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const inner = (changes: JsonObject = {}, signer = key): JsonObject =>
      signed(
        encode({ alg: 'ES256', jwk: jwkOf(key), url }),
        encode({ account: me.account, oldKey: jwkOf(me.key), ...changes }),
        signer,
      );
    assert.equal((await me.post('key-change', inner({}, freshKey()))).problem, 'malformed');
    assert.equal((await me.post('key-change', inner({ account: `${me.account}x` }))).problem, 'malformed');
    assert.equal((await me.post('key-change', inner({ oldKey: jwkOf(key) }))).problem, 'malformed');
    await using other = openSigner(at);
    await other.open(await at.key('other'));
    const taken = signed(
      encode({ alg: 'ES256', jwk: jwkOf(other.key), url }),
      encode({ account: me.account, oldKey: jwkOf(me.key) }),
      other.key,
    );
    const conflict = await me.post('key-change', taken);
    assert.deepEqual([conflict.status, conflict.headers.get('location')], [409, other.account]);
    assert.equal((await me.post('key-change', inner())).status, 200);
    assert.equal((await me.post('new-order', order(name))).problem, 'malformed');
    assert.equal((await me.post('new-order', order(name), { key })).status, 201);
    assert.equal((await me.post(me.account ?? '', { status: 'deactivated' }, { key })).status, 200);
    assert.equal((await me.post('new-order', order(name), { key })).problem, 'unauthorized');
  }));

test('I3 whatever is posted to whatever path comes back as a problem of RFC 8555, and never as a failure of ours', () =>
  withAccount(async (_at, me) => {
    const paths = ['new-account', 'new-order', 'revoke-cert', 'key-change', 'order/x', 'order/x/finalize'];
    const others = [
      'challenge/x/http-01',
      'authorization/x',
      'certificate/x',
      'account/x',
      'account/x/orders',
      'x',
    ];
    const cases = fc.record({
      path: fc.constantFrom(...paths, ...others),
      payload: fc.jsonValue() as fc.Arbitrary<Json>,
      header: fc.dictionary(fc.constantFrom('alg', 'kid', 'jwk', 'url', 'nonce', 'crit'), fc.jsonValue()),
      whole: fc.boolean(),
    });
    const check = fc.asyncProperty(cases, async ({ path, payload, header, whole }) => {
      const departure = whole ? {} : { header: header as JsonObject };
      const answer = await me.post(path, payload, departure);
      assert.ok(answer.status >= 400 && answer.status < 500, `${answer.status} ${answer.text}`);
      assert.ok(answer.problem !== null && answer.problem !== 'serverInternal', answer.text);
      assert.equal(answer.headers.get('content-type'), 'application/problem+json');
      assert.ok(answer.headers.get('replay-nonce'));
    });
    await fc.assert(check, { numRuns: 150 });
  }));

test('I3 an account has fifty open orders at most, and is told when to come again', () =>
  withAccount(async (_at, me) => {
    for (let at = 0; at < 50; at++) assert.equal((await me.post('new-order', order(name))).status, 201);
    const over = await me.post('new-order', order(name));
    assert.deepEqual([over.status, over.problem], [429, 'rateLimited']);
    assert.ok(Number(over.headers.get('retry-after')) > 0);
  }));

test('I3 after a crash in the middle of issuing an order has its certificate or is invalid, and proofs go on', () =>
  withAccount(async (at, me) => {
    const { ca, store, subjects, attestations, bindingSecrets: secrets } = at.town.deployment.authority;
    const places = [await me.ready(name), await me.ready(name)];
    const [lost = '', kept = ''] = places.map((place) => place.split('/').at(-1));
    const key = freshKey();
    // What the store holds when the process dies before it has issued, and after it has.
    await store.acmeOrders.begin(lost, 'a key for which nothing was issued', ca.clock.now());
    await store.acmeOrders.begin(kept, sha256Base64url(spkiOf(key)), ca.clock.now());
    const request = readRequest(buildRequest(key, { commonName: 'files' }, { dnsNames: [name] }));
    const evidence = { door: 'acme', name: 'files', kind: 'server', owner: 'test', replaces: null } as const;
    const names = { dnsNames: [name], ipAddresses: [] };
    const issued = await certify({ request, evidence: { ...evidence, ...names }, requestedLife: null }, ca);
    const { body } = await me.post('new-order', order(name));
    const [authorization = ''] = body['authorizations'] as string[];
    const id = authorization.split('/').at(-1) ?? '';
    assert.ok(await store.acmeOrders.choose(id, 'http-01', ca.clock.now()));
    // What was being looked at when it died is looked at again; now it is not allowed any more.
    const outside = {
      resolver: { lookup: loopback, texts: async () => [] },
      addressGuard: addressRanges([]),
      httpPort: at.httpPort,
      tlsPort: at.tlsPort,
    };
    await using _again = await openAcmeDoor({
      ca,
      accounts: store.acmeAccounts,
      orders: store.acmeOrders,
      subjects,
      attestations,
      secrets,
      outside,
    });
    assert.equal((await store.acmeOrders.find(lost))?.status, 'invalid');
    const { body: found } = await me.post(places[1] ?? '', null);
    assert.equal(found['status'], 'valid');
    const [der] = decodePem((await me.post(found['certificate'] as string, null)).text, 'CERTIFICATE');
    assert.deepEqual(der, issued.der);
    while ((await store.acmeOrders.findAuthorization(id))?.status === 'pending') {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.equal((await store.acmeOrders.findAuthorization(id))?.status, 'invalid');
  }));
