import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CertificateAuthority } from './certificate-authority.ts';
import { certify } from './certify.ts';
import { memoryAuthority } from './memory-authority.ts';
import { renew } from './renew.ts';
import { revoke } from './revoke.ts';
import { freshKey, specimenOrder, specimenRequest } from './specimen-request.ts';

const fault = (code: string) => ({ name: 'Fault', code });
const lost = { reason: 'key lost', actor: 'first-admin' };

test('I6 a renewal has a new key and serial, the same names, and is linked to what it replaces', async () => {
  const authority = memoryAuthority();
  const evidence = {
    kind: 'server',
    name: 'files',
    dnsNames: ['localhost'],
    ipAddresses: ['127.0.0.1'],
  } as const;
  const first = await certify(specimenOrder({ evidence }), authority);
  authority.clock.advance(12 * 60 * 60_000);
  const second = await renew({ current: first, request: specimenRequest('files') }, authority);
  assert.notEqual(second.serial, first.serial);
  assert.notDeepEqual(second.spki, first.spki);
  assert.deepEqual(second.uris, first.uris);
  assert.deepEqual(second.dnsNames, ['localhost']);
  assert.deepEqual(second.ipAddresses, ['127.0.0.1']);
  assert.equal((await authority.records.find(second.serial))?.replaces, first.serial);
  assert.equal((await authority.records.find(first.serial))?.state, 'issued');
  assert.equal(authority.events.at(-1)?.type, 'certificate.renewed');
});

test('I6 refuses to renew with the old key', async () => {
  const authority = memoryAuthority();
  const key = freshKey();
  const current = await certify(specimenOrder({ request: specimenRequest('ci-bot', {}, key) }), authority);
  const request = specimenRequest('ci-bot', {}, key);
  await assert.rejects(renew({ current, request }, authority), fault('renewal_refused'));
  assert.equal(authority.events.at(-1)?.type, 'certificate.refused');
});

test('I6 refuses to renew a revoked certificate', async () => {
  const authority = memoryAuthority();
  const current = await certify(specimenOrder(), authority);
  await revoke({ serial: current.serial, ...lost }, authority);
  await assert.rejects(
    renew({ current, request: specimenRequest('ci-bot') }, authority),
    fault('certificate_revoked'),
  );
});

for (const state of ['suspended', 'retired'] as const) {
  test(`I6 refuses to renew for an agent that is ${state}`, async () => {
    const authority = memoryAuthority();
    const current = await certify(specimenOrder(), authority);
    authority.agentStates.set('ci-bot', state);
    await assert.rejects(
      renew({ current, request: specimenRequest('ci-bot') }, authority),
      fault('agent_inactive'),
    );
  });
}

test('I6 refuses to renew after the end, and with a grace after the grace', async () => {
  const authority = memoryAuthority();
  const current = await certify(specimenOrder(), authority);
  const grace = 60_000;
  authority.clock.advance(current.notAfter - authority.clock.now());
  await renew({ current, request: specimenRequest('ci-bot') }, authority);
  authority.clock.advance(grace);
  await renew({ current, request: specimenRequest('ci-bot'), grace }, authority);
  await assert.rejects(
    renew({ current, request: specimenRequest('ci-bot') }, authority),
    fault('certificate_expired'),
  );
  authority.clock.advance(1);
  await assert.rejects(
    renew({ current, request: specimenRequest('ci-bot'), grace }, authority),
    fault('certificate_expired'),
  );
});

test('I6 refuses to renew an ephemeral certificate', async () => {
  const authority = memoryAuthority();
  const current = await certify(specimenOrder({ evidence: { kind: 'ephemeral' } }), authority);
  await assert.rejects(
    renew({ current, request: specimenRequest('ci-bot') }, authority),
    fault('renewal_refused'),
  );
});

test('I6 refuses to renew what is not on record, and what was only reserved', async () => {
  const authority = memoryAuthority();
  const request = specimenRequest('ci-bot');
  await assert.rejects(
    renew({ current: { serial: '0a' }, request }, authority),
    fault('certificate_unknown'),
  );
  const current = await certify(specimenOrder(), authority);
  const record = await authority.records.find(current.serial);
  assert.ok(record);
  await authority.records.reserve({ ...record, serial: '0b', state: 'reserved', der: null });
  await assert.rejects(
    renew({ current: { serial: '0b' }, request }, authority),
    fault('certificate_unknown'),
  );
});

test('I6 refuses a renewal that asks for another name than the certificate has', async () => {
  const authority = memoryAuthority();
  authority.agentStates.set('other-bot', 'active');
  const current = await certify(specimenOrder(), authority);
  await assert.rejects(
    renew({ current, request: specimenRequest('other-bot') }, authority),
    fault('request_invalid'),
  );
});

test('I7 a certificate revoked while its renewal is being signed has no successor', async () => {
  const authority = memoryAuthority();
  const current = await certify(specimenOrder(), authority);
  const { key } = authority.issuer;
  const slow: CertificateAuthority = {
    ...authority,
    issuer: {
      ...authority.issuer,
      key: {
        ...key,
        async sign(tbs) {
          await revoke({ serial: current.serial, ...lost }, authority);
          return key.sign(tbs);
        },
      },
    },
  };
  await assert.rejects(
    renew({ current, request: specimenRequest('ci-bot') }, slow),
    fault('certificate_revoked'),
  );
  assert.deepEqual(await authority.records.list({ state: 'issued' }), []);
});
