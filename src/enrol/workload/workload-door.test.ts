import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, test } from 'node:test';
import { createBoundedRecord } from '../../audit/bounded-record.ts';
import { memoryAuthority } from '../../ca/memory-authority.ts';
import { freshKey } from '../../ca/specimen-request.ts';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import { encodePem } from '../../x509/pem.ts';
import { buildRequest } from '../../x509/request.ts';
import type { Delivery } from '../delivery.ts';
import { enrolWorkload } from './enrol-workload.ts';
import { memoryUsedTokens } from './memory-used-tokens.ts';
import type { WorkloadDoor } from './workload-door.ts';
import { accountClaims, issuerOf, issuerUrl, testIssuer, tokenOf } from './workload.fixture.ts';
import type { WorkloadIssuer } from './workload-issuer.ts';

const refused = { name: 'Fault', code: 'workload_refused' };
const csr = (commonName = 'ci-bot'): string =>
  encodePem('CERTIFICATE REQUEST', buildRequest(freshKey(), { commonName }));

function place(issuer: WorkloadIssuer = issuerOf()) {
  const authority = memoryAuthority();
  const { audit, clock } = authority;
  const platform = testIssuer();
  const door: WorkloadDoor = {
    issuers: { list: async () => [issuer], keysOf: async () => platform.keys },
    used: memoryUsedTokens(),
    clock,
    audit,
    strangers: createBoundedRecord(audit, { type: 'workloads.refused' }),
  };
  const enrol = (token: string, request = csr()): Promise<Delivery> =>
    enrolWorkload({ token, csr: request, address: '127.0.0.1' }, authority, door);
  const claims = (more: JsonObject = {}): JsonObject => accountClaims(clock.now(), more);
  const types = (): readonly string[] => authority.events.map(({ type }) => type);
  return { authority, platform, door, enrol, claims, types };
}

describe('I3 the JWT of a workload', () => {
  test('gives the certificate of the name that the rules give its subject, and is in the log', async () => {
    const { enrol, platform, claims, types, authority } = place();
    const { spiffeId } = await enrol(platform.token(claims()));
    assert.equal(spiffeId, 'spiffe://example.internal/agent/ci-bot');
    assert.deepEqual(types(), ['workload.accepted', 'certificate.reserved', 'certificate.issued']);
    const [accepted] = authority.events;
    assert.equal(accepted?.['issuer'], 'cluster');
    assert.equal(accepted['subject'], 'system:serviceaccount:agents:ci-bot');
    assert.equal(accepted['name'], 'ci-bot');
  });

  test('is good once; a request that is refused does not use it up', async () => {
    const { enrol, platform, claims } = place();
    const token = platform.token(claims());
    await assert.rejects(enrol(token, csr('somebody')), { code: 'request_invalid' });
    await enrol(token);
    await assert.rejects(enrol(token), refused);
    // The same claims under another signature are the same token to whoever reads it.
    await assert.rejects(enrol(platform.token(claims())), refused);
  });

  test('of a hundred uses at once exactly one gives a certificate', async () => {
    const { enrol, platform, claims } = place();
    const token = platform.token(claims());
    const uses = await Promise.allSettled(Array.from({ length: 100 }, () => enrol(token)));
    assert.equal(uses.filter(({ status }) => status === 'fulfilled').length, 1);
  });

  test('is good again where the issuer says so', async () => {
    const { enrol, platform, claims } = place(issuerOf({ once: false }));
    const token = platform.token(claims());
    const [first, second] = [await enrol(token), await enrol(token)];
    assert.notEqual(first.serial, second.serial);
  });

  test('of SPIFFE is known by the trust domain of its subject, and needs no issuer', async () => {
    const { enrol, platform, claims } = place(issuerOf({ known: { trustDomain: 'prod.example' } }));
    const svid = { iss: undefined, sub: 'spiffe://prod.example/ns/agents' } as unknown as JsonObject;
    // No rule is for it; that it got so far shows whose it is.
    await assert.rejects(enrol(platform.token(claims(svid))), /No rule of the issuer cluster/);
    const foreign = { ...svid, sub: 'spiffe://prod.example.evil/ns/agents' };
    await assert.rejects(enrol(platform.token(claims(foreign))), /does not know/);
  });

  const now = memoryAuthority().clock.now();
  const seconds = Math.floor(now / 1_000);
  const wrong: Readonly<Record<string, JsonObject>> = {
    'of another issuer': { iss: 'https://other.example.internal' },
    'of an issuer with a slash more': { iss: `${issuerUrl}/` },
    'for another audience': { aud: 'other' },
    'for an audience that ours is part of': { aud: ['countersign.example'] },
    'without an audience': { aud: [] },
    'that has ended': { iat: seconds - 700, exp: seconds - 60 },
    'that never ends': { exp: null },
    'that ends at a text': { exp: String(seconds + 600) },
    'of the future': { iat: seconds + 120, exp: seconds + 700 },
    'not valid before later': { nbf: seconds + 120 },
    'that lives too long': { exp: seconds + 7_200 },
    'without a subject': { sub: '' },
    'of another namespace': { sub: 'system:serviceaccount:other:ci-bot' },
    'whose claims say another namespace': { 'kubernetes.io': { namespace: 'other' } },
  };
  for (const [what, more] of Object.entries(wrong)) {
    test(`${what} is refused, and that is in the log`, async () => {
      const { enrol, platform, claims, types } = place();
      await assert.rejects(enrol(platform.token(claims(more))), refused);
      assert.deepEqual(types(), ['workload.refused']);
    });
  }

  test('under another key, no key, a key of its own choice or a MAC is refused', async () => {
    const { enrol, platform, claims } = place();
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwk = publicKey.export({ format: 'jwk' }) as JsonObject;
    const [head, body] = platform.token(claims()).split('.');
    const none = Buffer.from('{"alg":"none"}').toString('base64url');
    const tokens = [
      tokenOf({ alg: 'ES256', kid: 'one' }, claims(), privateKey),
      tokenOf({ alg: 'ES256', jwk }, claims(), privateKey),
      tokenOf({ alg: 'ES256', kid: 'unknown' }, claims(), privateKey),
      tokenOf({ alg: 'HS256', kid: 'one' }, claims(), privateKey),
      tokenOf({ alg: 'ES256', kid: 'one', crit: ['x'], x: 1 }, claims(), privateKey),
      `${none}.${body}.`,
      `${head}.${body}.${'A'.repeat(86)}`,
    ];
    for (const token of tokens) await assert.rejects(enrol(token), refused, token);
  });

  test('that is no JWT, or whose claims stand twice, is refused', async () => {
    const { enrol } = place();
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const double = `{"iss":"${issuerUrl}","sub":"a","sub":"b"}`;
    const tokens = ['', 'a', 'a.b', 'a.b.c.d', 'a.!!.c', `a.${'A'.repeat(20_000)}.c`, 'e30.W10.e30'];
    tokens.push(tokenOf({ alg: 'ES256', kid: 'one' }, double, privateKey));
    for (const token of tokens) await assert.rejects(enrol(token), refused, token.slice(0, 40));
  });

  test('of an agent that is not registered gives nothing, and is good once it is', async () => {
    const { enrol, platform, claims, authority } = place();
    const token = platform.token(claims({ sub: 'system:serviceaccount:agents:new-bot' }));
    await assert.rejects(enrol(token, csr('new-bot')), { code: 'agent_unknown' });
    authority.agentStates.set('new-bot', 'active');
    const { spiffeId } = await enrol(token, csr('new-bot'));
    assert.equal(spiffeId, 'spiffe://example.internal/agent/new-bot');
  });
});
