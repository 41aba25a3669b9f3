import assert from 'node:assert/strict';
import { test } from 'node:test';
import { approve } from './approve.ts';
import { certify } from './certify.ts';
import { memoryAuthority } from './memory-authority.ts';
import { readPemRequest } from './request.ts';
import { specimenOrder, specimenRequest } from './specimen-request.ts';
import { encodePem } from '../x509/pem.ts';

const fault = (code: string) => ({ name: 'Fault', code });
const td = 'spiffe://example.internal';

const refusals: readonly { title: string; order: Parameters<typeof approve>[0]; code: string }[] = [
  {
    title: 'a common name other than the one proved',
    order: specimenOrder({ request: specimenRequest('other-bot') }),
    code: 'request_invalid',
  },
  {
    title: 'the identity of another agent',
    order: specimenOrder({ request: specimenRequest('ci-bot', { uris: [`${td}/agent/other-bot`] }) }),
    code: 'request_invalid',
  },
  {
    title: 'the same name in another kind',
    order: specimenOrder({ request: specimenRequest('ci-bot', { uris: [`${td}/admin/ci-bot`] }) }),
    code: 'request_invalid',
  },
  {
    title: 'the same name in another trust domain',
    order: specimenOrder({
      request: specimenRequest('ci-bot', { uris: ['spiffe://evil.example/agent/ci-bot'] }),
    }),
    code: 'request_invalid',
  },
  {
    title: 'two identities',
    order: specimenOrder({
      request: specimenRequest('ci-bot', { uris: [`${td}/agent/ci-bot`, `${td}/agent/ci-bot`] }),
    }),
    code: 'request_invalid',
  },
  {
    title: 'a DNS name for an agent',
    order: specimenOrder({ request: specimenRequest('ci-bot', { dnsNames: ['localhost'] }) }),
    code: 'request_invalid',
  },
  {
    title: 'a DNS name for an agent even when the evidence lists it',
    order: specimenOrder({ evidence: { dnsNames: ['localhost'] } }),
    code: 'request_invalid',
  },
  {
    title: 'a DNS name that the evidence does not grant',
    order: specimenOrder({
      evidence: { kind: 'server', name: 'files', dnsNames: ['localhost'] },
      request: specimenRequest('files', { dnsNames: ['localhost', 'files.example.internal'] }),
    }),
    code: 'request_invalid',
  },
  {
    title: 'an IP address that the evidence does not grant',
    order: specimenOrder({
      evidence: { kind: 'server', name: 'files', ipAddresses: ['127.0.0.1'] },
      request: specimenRequest('files', { ipAddresses: ['127.0.0.2'] }),
    }),
    code: 'request_invalid',
  },
  {
    title: 'a DNS name outside the name constraints',
    order: specimenOrder({ evidence: { kind: 'server', name: 'files', dnsNames: ['files.example.com'] } }),
    code: 'invalid_input',
  },
  {
    title: 'what is not a DNS name',
    order: specimenOrder({
      evidence: { kind: 'server', name: 'files', dnsNames: ['files..example.internal'] },
    }),
    code: 'invalid_input',
  },
  {
    title: 'a name that verifiers would take for a DNS name outside the constraints',
    order: specimenOrder({ evidence: { kind: 'admin', name: 'ci.bot' }, request: specimenRequest('ci.bot') }),
    code: 'invalid_input',
  },
  {
    title: 'a name out of the pattern',
    order: specimenOrder({ evidence: { name: 'CI/bot' }, request: specimenRequest('CI/bot') }),
    code: 'invalid_input',
  },
  {
    title: 'an agent that nobody registered',
    order: specimenOrder({ evidence: { name: 'stranger' } }),
    code: 'agent_unknown',
  },
  {
    title: 'an ephemeral identity of an agent that nobody registered',
    order: specimenOrder({ evidence: { name: 'stranger', kind: 'ephemeral' } }),
    code: 'agent_unknown',
  },
];

for (const { title, order, code } of refusals) {
  test(`I2 refuses ${title}`, async () => {
    const authority = memoryAuthority();
    await assert.rejects(certify(order, authority), fault(code));
    assert.deepEqual(await authority.records.list({}), []);
    const [event, ...more] = authority.events;
    assert.equal(event?.type, 'certificate.refused');
    assert.equal(event['code'], code);
    assert.deepEqual(more, []);
  });
}

for (const state of ['suspended', 'retired'] as const) {
  test(`I2 refuses an agent that is ${state}`, async () => {
    const authority = memoryAuthority();
    authority.agentStates.set('ci-bot', state);
    await assert.rejects(approve(specimenOrder(), authority), fault('agent_inactive'));
  });
}

test("I2 refuses a request for the issuer's or the root's own key", async () => {
  const authority = memoryAuthority();
  for (const key of [authority.made.intermediateKey, authority.made.rootKey]) {
    const order = specimenOrder({ request: specimenRequest('ci-bot', {}, key) });
    await assert.rejects(approve(order, authority), fault('key_unacceptable'));
  }
});

test('I2 a server gets the names its evidence grants, compared without case and in canonical form', async () => {
  const authority = memoryAuthority();
  const evidence = {
    kind: 'server',
    name: 'files',
    dnsNames: ['localhost', 'Files.Example.Internal'],
    ipAddresses: ['127.0.0.1', '0:0:0:0:0:0:0:1'],
  } as const;
  const all = await certify(specimenOrder({ evidence }), authority);
  assert.deepEqual(all.dnsNames, ['localhost', 'files.example.internal']);
  assert.deepEqual(all.ipAddresses, ['127.0.0.1', '::1']);
  const request = specimenRequest('files', { dnsNames: ['files.example.internal'], ipAddresses: ['::1'] });
  const some = await certify(specimenOrder({ evidence, request }), authority);
  assert.deepEqual(some.dnsNames, ['files.example.internal']);
  assert.deepEqual(some.ipAddresses, ['::1']);
});

test('I2 refuses a request that is too long, not PEM, doubled or tampered with', async () => {
  const { request } = specimenOrder();
  const pem = encodePem('CERTIFICATE REQUEST', request.der);
  const broken = request.der.slice();
  broken[broken.length - 1] = (broken.at(-1) ?? 0) ^ 1;
  assert.equal((await readPemRequest(pem)).commonName, 'ci-bot');
  await assert.rejects(readPemRequest(pem.padEnd(70_000)), fault('too_large'));
  await assert.rejects(readPemRequest('no request'), fault('malformed_pem'));
  await assert.rejects(readPemRequest(pem + pem), fault('request_invalid'));
  await assert.rejects(readPemRequest(encodePem('CERTIFICATE REQUEST', broken)), fault('request_invalid'));
});
