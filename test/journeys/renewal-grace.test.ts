import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { post, rawInitialize, type RawAnswer } from '../../tour/raw-request.ts';
import { encodePem } from '../../src/x509/pem.ts';
import { buildRequest } from '../../src/x509/request.ts';
import { openTown, type Presentable, type Town } from './deployment.ts';
import { mint } from './mint.ts';

const minute = 60_000;

function ended(town: Town, minutesAgo: number, recorded = true): Promise<Presentable> {
  const notAfter = Math.floor(Date.now() / 1_000) * 1_000 - minutesAgo * minute;
  return mint(town, { recorded, changes: { notBefore: notAfter - 60 * minute, notAfter } });
}

async function renew(
  town: Town,
  shown: Presentable,
): Promise<{ readonly status: number | null; readonly code: unknown }> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const csr = encodePem('CERTIFICATE REQUEST', buildRequest(privateKey, { commonName: 'ci-bot' }));
  const answer: RawAnswer = await post(`${town.authorityUrl}/v1/enrol/renew`, shown, false, { csr }, {});
  return { status: answer.status, code: (JSON.parse(answer.body) as { code?: string }).code };
}

test('I6 a certificate that has ended is renewed within the grace and refused beyond it', async () => {
  await using town = await openTown({}, { authority: { renewalGraceMinutes: 120 } });
  await town.addAgent('ci-bot');
  assert.equal((await renew(town, await ended(town, 60))).status, 200);
  assert.equal((await renew(town, await ended(town, 119))).status, 200);
  assert.deepEqual(await renew(town, await ended(town, 121)), { status: 403, code: 'certificate_expired' });
});

test('I6 within the grace a revoked, a retired, a forged and a foreign certificate are refused as ever', async () => {
  await using town = await openTown({}, { authority: { renewalGraceMinutes: 120 } });
  await using other = await openTown();
  await town.addAgent('ci-bot');
  const { authority } = town.deployment;
  assert.equal((await renew(town, await ended(town, 5, false))).code, 'certificate_unknown');
  assert.equal((await renew(town, await ended(other, 5))).code, 'certificate_unknown');
  const revoked = await ended(town, 5);
  await authority.store.certificates.revoke(revoked.serial, 'test', Date.now());
  assert.equal((await renew(town, revoked)).code, 'certificate_revoked');
  const left = await ended(town, 5);
  await authority.changeAgentState('ci-bot', 'suspended', 'test');
  assert.equal((await renew(town, left)).code, 'agent_inactive');
  await authority.changeAgentState('ci-bot', 'retired', 'test');
  assert.equal((await renew(town, left)).code, 'agent_inactive');
});

test('I6 a certificate that says all that an issued one says, signed by a stranger, is not renewed', async () => {
  await using town = await openTown({}, { authority: { renewalGraceMinutes: 120 } });
  await town.addAgent('ci-bot');
  const issued = await town.issue('ci-bot');
  const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const now = Math.floor(Date.now() / 1_000) * 1_000;
  // Not of our chain, so OpenSSL says so and hands on that its key is held: only the record tells it from the issued one.
  for (const notAfter of [now + 30 * minute, now - 5 * minute]) {
    const forged = await mint(town, {
      recorded: false,
      signer: { key, chain: '' },
      changes: { serial: issued.serial, notBefore: now - 20 * minute, notAfter },
    });
    assert.deepEqual(await renew(town, forged), { status: 403, code: 'certificate_unknown' });
  }
  assert.equal((await renew(town, issued)).status, 200, 'the issued one is');
});

test('I6 the grace opens no other door: an ended certificate neither administers nor calls', async () => {
  await using town = await openTown({}, { authority: { renewalGraceMinutes: 120 } });
  const admin = await mint(town, {
    name: 'operator',
    kind: 'admin',
    changes: { notBefore: Date.now() - 60 * minute, notAfter: Date.now() - 5 * minute },
  });
  const answer = await post(`${town.authorityUrl}/v1/admin/agent.list`, admin, false, {}, {});
  assert.deepEqual(
    [answer.status, (JSON.parse(answer.body) as { code: string }).code],
    [403, 'identity_refused'],
  );
  await town.addAgent('ci-bot');
  assert.equal((await rawInitialize(town.endpoint('x'), await ended(town, 5))).status, null);
});

test('I6 without a grace, as long as nobody chooses one, a certificate that has ended is not renewed', async () => {
  await using town = await openTown();
  await town.addAgent('ci-bot');
  assert.deepEqual(await renew(town, await ended(town, 1)), { status: 403, code: 'certificate_expired' });
});
