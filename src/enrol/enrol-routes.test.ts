import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBoundedRecord } from '../audit/bounded-record.ts';
import { memoryAuthority } from '../ca/memory-authority.ts';
import { freshKey } from '../ca/specimen-request.ts';
import { readCertificate } from '../x509/certificate.ts';
import { decodePem, encodePem } from '../x509/pem.ts';
import { buildRequest } from '../x509/request.ts';
import { type EnrolmentDoors, redeemRoute, renewRoute, trustBundleRoute } from './enrol-routes.ts';
import { createJoinToken, type JoinTokenOrder } from './join-token/create-join-token.ts';
import { memoryJoinTokens } from './join-token/memory-join-tokens.ts';
import { proveJoinToken } from './join-token/prove-join-token.ts';

const fault = (code: string) => ({ name: 'Fault', code });
const minute = 60_000;
const address = '127.0.0.1';

function doors(): EnrolmentDoors & ReturnType<typeof memoryAuthority> {
  const authority = memoryAuthority();
  const strangers = createBoundedRecord(authority.audit, { type: 'join-tokens.refused' });
  const joinTokens = memoryJoinTokens(({ name, state }) => authority.agentStates.set(name, state));
  return { ...authority, joinTokens, strangers };
}

async function token(at: EnrolmentDoors, order: Partial<JoinTokenOrder> = {}): Promise<string> {
  const whole: JoinTokenOrder = { name: 'ci-bot', kind: 'agent', createdBy: 'first-admin', ...order };
  return (await createJoinToken(whole, { tokens: at.joinTokens, clock: at.clock, audit: at.audit })).token;
}

function csr(commonName = 'ci-bot'): string {
  return encodePem('CERTIFICATE REQUEST', buildRequest(freshKey(), { commonName }));
}

test('I3 a join token and a request give a chain, the roots and the time to renew', async () => {
  const at = doors();
  const delivery = await redeemRoute({ token: await token(at), csr: csr(), address }, at);
  const [leaf, intermediate, ...more] = decodePem(delivery.certificate, 'CERTIFICATE').map(readCertificate);
  assert.ok(leaf && intermediate);
  assert.deepEqual(more, []);
  assert.deepEqual(leaf.issuerDer, intermediate.subjectDer);
  assert.equal(delivery.spiffeId, 'spiffe://example.internal/agent/ci-bot');
  assert.equal(delivery.notAfter, leaf.notAfter);
  assert.ok(leaf.notBefore < delivery.renewAt && delivery.renewAt < leaf.notAfter);
  const [root, ...others] = decodePem(delivery.roots, 'CERTIFICATE').map(readCertificate);
  assert.deepEqual(others, []);
  assert.deepEqual(root?.der, at.made.rootCertificate.der);
  assert.deepEqual(
    at.events.map((event) => event.type),
    ['join-token.created', 'join-token.redeemed', 'certificate.reserved', 'certificate.issued'],
  );
});

test('I3 of a hundred redemptions at once exactly one gives a certificate', async () => {
  const at = doors();
  const text = await token(at);
  const results = await Promise.allSettled(
    Array.from({ length: 100 }, () => redeemRoute({ token: text, csr: csr(), address }, at)),
  );
  assert.equal(results.filter((result) => result.status === 'fulfilled').length, 1);
  for (const result of results) {
    if (result.status === 'rejected') assert.equal(result.reason.code, 'join_token_invalid');
  }
  assert.equal((await at.records.list({})).length, 1);
  // Whoever presents tokens that do not hold cannot fill the log: the rest is counted.
  assert.equal(at.events.filter((event) => event.type === 'join-token.refused').length, 50);
});

test('I3 a token holds until its last millisecond and no longer', async () => {
  const at = doors();
  const early = await token(at, { life: 2 * minute });
  const late = await token(at, { life: 2 * minute });
  at.clock.advance(2 * minute - 1);
  await redeemRoute({ token: early, csr: csr(), address }, at);
  at.clock.advance(1);
  await assert.rejects(redeemRoute({ token: late, csr: csr(), address }, at), fault('join_token_invalid'));
});

test('I3 refuses a token that is foreign, cut, or has another secret, and logs no secret', async () => {
  const at = doors();
  const text = await token(at);
  const other = await token(at);
  const crossed = text.slice(0, 27) + other.slice(27);
  for (const wrong of ['', 'cst_', text.slice(0, -1), `${text}x`, ` ${text}`, crossed, text.toUpperCase()]) {
    await assert.rejects(redeemRoute({ token: wrong, csr: csr(), address }, at), fault('join_token_invalid'));
  }
  assert.ok(!JSON.stringify(at.events).includes(text.slice(27)));
  assert.ok(!JSON.stringify(await at.joinTokens.list()).includes(text.slice(27)));
  await redeemRoute({ token: text, csr: csr(), address }, at);
});

test('I3 a token is bound to its name: a request for another gives nothing, and the token stays good', async () => {
  const at = doors();
  at.agentStates.set('other-bot', 'active');
  const text = await token(at);
  await assert.rejects(
    redeemRoute({ token: text, csr: csr('other-bot'), address }, at),
    fault('request_invalid'),
  );
  assert.deepEqual(await at.records.list({}), []);
  await redeemRoute({ token: text, csr: csr(), address }, at);
  await assert.rejects(redeemRoute({ token: text, csr: csr(), address }, at), fault('join_token_invalid'));
});

const batch = { count: 2, owner: 'ada@example.com', purpose: 'builds', roles: ['builder'] };

test('I3 I12 a batch token registers as many new agents as it counts, for its owner and in its roles', async () => {
  const at = doors();
  const text = await token(at, { name: 'run-*', batch });
  const { spiffeId } = await redeemRoute({ token: text, csr: csr('run-1'), address }, at);
  assert.equal(spiffeId, 'spiffe://example.internal/agent/run-1');
  await redeemRoute({ token: text, csr: csr('run-2'), address }, at);
  await assert.rejects(
    redeemRoute({ token: text, csr: csr('run-3'), address }, at),
    fault('join_token_invalid'),
  );
  const added = at.events.filter(({ type }) => type === 'agent.added');
  assert.deepEqual(
    added.map(({ name, owner, roles }) => [name, owner, roles]),
    [
      ['run-1', 'ada@example.com', ['builder']],
      ['run-2', 'ada@example.com', ['builder']],
    ],
  );
});

test('I3 a batch token gives nobody a name that is taken, is not of its pattern, or is none, and is not used up by asking', async () => {
  const at = doors();
  at.agentStates.set('run-old', 'active');
  const text = await token(at, { name: 'run-*', batch: { ...batch, count: 1 } });
  for (const [name, code] of [
    ['run-old', 'conflict'],
    ['ci-bot', 'request_invalid'],
    ['run-', 'request_invalid'],
    ['run-a.b', 'request_invalid'],
    ['run-A', 'request_invalid'],
  ] as const) {
    await assert.rejects(redeemRoute({ token: text, csr: csr(name), address }, at), fault(code));
  }
  const nameless = proveJoinToken({ text, commonName: null, address }, { ...at, tokens: at.joinTokens });
  await assert.rejects(nameless, fault('request_invalid'));
  assert.equal(at.events.filter(({ type }) => type === 'certificate.refused').length, 6);
  await redeemRoute({ token: text, csr: csr('run-new'), address }, at);
  // Whoever holds the token cannot become an agent that enrolled with it.
  await assert.rejects(
    redeemRoute({ token: text, csr: csr('run-new'), address }, at),
    fault('join_token_invalid'),
  );
});

test('I3 of a hundred batch enrolments under one name at once exactly one gives a certificate', async () => {
  const at = doors();
  const text = await token(at, { name: 'run-*', batch: { ...batch, count: 100 } });
  const results = await Promise.allSettled(
    Array.from({ length: 100 }, () => redeemRoute({ token: text, csr: csr('run-1'), address }, at)),
  );
  assert.equal(results.filter((result) => result.status === 'fulfilled').length, 1);
  const [left] = await at.joinTokens.list();
  assert.equal(left?.batch?.used, 1);
});

test('I3 a batch of servers carries DNS names made of the name of each', async () => {
  const at = doors();
  const order = { name: 'mcp-*', kind: 'server', dnsNames: ['{name}.example.internal'], batch } as const;
  const text = await token(at, order);
  const { certificate } = await redeemRoute({ token: text, csr: csr('mcp-1'), address }, at);
  const [leaf] = decodePem(certificate, 'CERTIFICATE').map(readCertificate);
  assert.deepEqual(leaf?.dnsNames, ['mcp-1.example.internal']);
  const all = await token(at, { ...order, name: '*' });
  await assert.rejects(redeemRoute({ token: all, csr: csr('authority'), address }, at), fault('conflict'));
});

test('I3 refuses to make a batch token for administrators, without a pattern, or for none or too many', async () => {
  const at = doors();
  for (const wrong of [
    { name: 'run-*', kind: 'admin', batch },
    { name: 'run', batch },
    { name: 'run-**', batch },
    { name: '-*', batch },
    { name: 'run-*' },
    { name: 'run-*', batch: { ...batch, count: 0 } },
    { name: 'run-*', batch: { ...batch, count: 10_001 } },
    { name: 'mcp-*', kind: 'server', dnsNames: ['{name}..internal'], batch },
  ] as const) {
    await assert.rejects(token(at, wrong), fault('invalid_input'));
  }
  assert.deepEqual(await at.joinTokens.list(), []);
});

test('I3 a malformed request does not use the token up', async () => {
  const at = doors();
  const text = await token(at);
  await assert.rejects(redeemRoute({ token: text, csr: 'nothing', address }, at), fault('malformed_pem'));
  await redeemRoute({ token: text, csr: csr(), address }, at);
});

test('I3 a token is bound to its profile', async () => {
  const at = doors();
  const text = await token(at, {
    kind: 'server',
    name: 'files',
    dnsNames: ['localhost'],
    ipAddresses: ['::1'],
  });
  const { certificate, spiffeId } = await redeemRoute({ token: text, csr: csr('files'), address }, at);
  const [leaf] = decodePem(certificate, 'CERTIFICATE').map(readCertificate);
  assert.equal(spiffeId, 'spiffe://example.internal/server/files');
  assert.deepEqual(leaf?.extendedKeyUsage, ['serverAuth']);
  assert.deepEqual(leaf.dnsNames, ['localhost']);
});

test('I3 refuses to make a token that lives under a minute or over a day, or for what no certificate may carry', async () => {
  const at = doors();
  for (const life of [0, -1, 59_999, 24 * 60 * minute + 1, Number.POSITIVE_INFINITY]) {
    await assert.rejects(token(at, { life }), fault('invalid_input'));
  }
  await assert.rejects(token(at, { name: 'CI Bot' }), fault('invalid_input'));
  await assert.rejects(token(at, { dnsNames: ['localhost'] }), fault('invalid_input'));
  await assert.rejects(token(at, { kind: 'server', ipAddresses: ['300.1.1.1'] }), fault('invalid_input'));
  assert.deepEqual(await at.joinTokens.list(), []);
  await token(at, { life: 24 * 60 * minute });
});

test('I3 a token lives ten minutes unless told otherwise', async () => {
  const at = doors();
  await token(at);
  const [record] = await at.joinTokens.list();
  assert.equal(record?.expiresAt, at.clock.now() + 10 * minute);
});

test('I6 the renewal route gives a chain for a new key', async () => {
  const at = doors();
  const first = await redeemRoute({ token: await token(at), csr: csr(), address }, at);
  at.clock.advance(30 * minute);
  const second = await renewRoute({ current: { serial: first.serial }, csr: csr() }, at);
  assert.notEqual(second.serial, first.serial);
  assert.ok(second.notAfter > first.notAfter);
});

test('I1 the trust bundle carries the root and the fingerprint to compare', async () => {
  const at = doors();
  const { roots, rootFingerprint, trustDomain } = trustBundleRoute(at);
  const [root] = decodePem(roots, 'CERTIFICATE').map(readCertificate);
  assert.ok(root);
  assert.equal(trustDomain, 'example.internal');
  assert.equal(rootFingerprint, `sha256:${Buffer.from(root.thumbprint, 'base64url').toString('hex')}`);
});
