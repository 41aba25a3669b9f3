import assert from 'node:assert/strict';
import { test } from 'node:test';
import { certify } from './certify.ts';
import { memoryAuthority } from './memory-authority.ts';
import { revoke, revokeName } from './revoke.ts';
import { specimenOrder } from './specimen-request.ts';

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
