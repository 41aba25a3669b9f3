import assert from 'node:assert/strict';
import { test } from 'node:test';
import { certify } from './certify.ts';
import { memoryAuthority } from './memory-authority.ts';
import { reinstate, revoke, revokeKey, revokeName } from './revoke.ts';
import { issue } from './issue.ts';
import { approve } from './approve.ts';
import { sha256Base64url } from '../kernel/bytes.ts';
import { freshKey, specimenOrder, specimenRequest } from './specimen-request.ts';

const lost = { reason: 'key lost', actor: 'first-admin' };

test('I7 revoking is durable, told to the gateways, then logged, and happens once', async () => {
  const authority = memoryAuthority();
  const { serial } = await certify(specimenOrder(), authority);
  const told: string[] = [];
  const notify = async (each: string): Promise<void> => {
    assert.equal((await authority.records.find(each))?.state, 'revoked');
    assert.equal(authority.events.at(-1)?.type, 'certificate.issued');
    told.push(each);
  };
  assert.equal(await revoke({ serial, ...lost }, { ...authority, notify }), true);
  assert.equal(authority.events.at(-1)?.type, 'certificate.revoked');
  assert.equal(await revoke({ serial, reason: 'again', actor: 'other' }, { ...authority, notify }), false);
  assert.deepEqual(told, [serial]);
  assert.equal((await authority.records.find(serial))?.reason, 'key lost');
});

test('I7 refuses to revoke a serial that was never reserved', async () => {
  const authority = memoryAuthority();
  await assert.rejects(revoke({ serial: '0a', ...lost }, authority), { name: 'Fault', code: 'not_found' });
});

test('I7 a revocation takes effect although the log cannot be written', async () => {
  const authority = memoryAuthority();
  const { serial } = await certify(specimenOrder(), authority);
  const audit = { append: () => Promise.reject(new Error('disk full')) };
  await assert.rejects(revoke({ serial, ...lost }, { ...authority, audit }), /disk full/);
  assert.equal((await authority.records.find(serial))?.state, 'revoked');
});

test('I7 revoking a name takes all its certificates of the kinds told and no others', async () => {
  const authority = memoryAuthority();
  authority.agentStates.set('other-bot', 'active');
  const over = await certify(specimenOrder({ requestedLife: 60_000 }), authority);
  authority.clock.advance(120_000);
  const first = await certify(specimenOrder(), authority);
  const second = await certify(specimenOrder({ evidence: { kind: 'ephemeral' } }), authority);
  const server = await certify(specimenOrder({ evidence: { kind: 'server' } }), authority);
  const other = await certify(specimenOrder({ evidence: { name: 'other-bot' } }), authority);
  const revoked = await revokeName({ name: 'ci-bot', kinds: ['agent', 'ephemeral'], ...lost }, authority);
  assert.deepEqual(new Set(revoked), new Set([first.serial, second.serial]));
  for (const { serial } of [over, server, other]) {
    assert.equal((await authority.records.find(serial))?.state, 'issued');
  }
});

test('I7 a hold is logged as one, and its end is in the log before the certificate works again', async () => {
  const authority = memoryAuthority();
  const { serial } = await certify(specimenOrder(), authority);
  const hold = { serial, ...lost, revocation: 'certificateHold' as const };
  assert.equal(await revoke(hold, authority), true);
  assert.equal(authority.events.at(-1)?.type, 'certificate.held');
  const audit = { append: () => Promise.reject(new Error('disk full')) };
  await assert.rejects(reinstate({ serial, ...lost }, { ...authority, audit }), /disk full/);
  assert.equal((await authority.records.find(serial))?.state, 'revoked');
  assert.equal(await reinstate({ serial, ...lost }, authority), true);
  assert.equal(authority.events.at(-1)?.type, 'certificate.reinstated');
  assert.equal((await authority.records.find(serial))?.state, 'issued');
  assert.equal(await reinstate({ serial, ...lost }, authority), false);
  await assert.rejects(reinstate({ serial: '0a', ...lost }, authority), { code: 'not_found' });
});

test('I7 what is revoked for good is not reinstated, and the log does not say so', async () => {
  const authority = memoryAuthority();
  const { serial } = await certify(specimenOrder(), authority);
  await revoke({ serial, ...lost, revocation: 'keyCompromise' }, authority);
  await assert.rejects(reinstate({ serial, ...lost }, authority), { code: 'conflict' });
  assert.equal(authority.events.at(-1)?.type, 'certificate.revoked');
});

test('I7 revoking a name revokes what is on hold for good', async () => {
  const authority = memoryAuthority();
  const { serial } = await certify(specimenOrder(), authority);
  await revoke({ serial, ...lost, revocation: 'certificateHold' }, authority);
  assert.deepEqual(await revokeName({ name: 'ci-bot', kinds: ['agent'], ...lost }, authority), [serial]);
  assert.equal((await authority.records.find(serial))?.revocation, 'unspecified');
});

test('I7 a revoked key loses its certificates under every name and gets none any more, under none', async () => {
  const authority = memoryAuthority();
  const key = freshKey();
  const request = specimenRequest('ci-bot', {}, key);
  const keyHash = sha256Base64url(request.spki);
  const agent = await certify(specimenOrder({ request }), authority);
  const server = { kind: 'server', name: 'files' } as const;
  const asServer = await certify(
    specimenOrder({ evidence: server, request: specimenRequest('files', {}, key) }),
    authority,
  );
  const other = await certify(specimenOrder(), authority);
  // Approved before the block, and issued after it.
  const approved = await approve(specimenOrder({ request }), authority);
  const revoked = await revokeKey({ keyHash, ...lost, revocation: 'keyCompromise' }, authority);
  assert.deepEqual(new Set(revoked), new Set([agent.serial, asServer.serial]));
  assert.equal((await authority.records.find(other.serial))?.state, 'issued');
  await assert.rejects(certify(specimenOrder({ request }), authority), { code: 'key_unacceptable' });
  await assert.rejects(issue(approved, authority), { code: 'certificate_revoked' });
  assert.deepEqual(
    (await authority.records.list({ keyHash })).map(({ state }) => state),
    ['revoked', 'revoked', 'revoked'],
  );
  assert.equal(authority.events.filter(({ type }) => type === 'key.blocked').length, 1);
  assert.deepEqual(await revokeKey({ keyHash, ...lost }, authority), []);
  assert.equal(authority.events.filter(({ type }) => type === 'key.blocked').length, 1);
});
