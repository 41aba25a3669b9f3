import assert from 'node:assert/strict';
import { test } from 'node:test';
import { certify } from '../../ca/certify.ts';
import type { Evidence } from '../../ca/evidence.ts';
import { type MemoryAuthority, memoryAuthority } from '../../ca/memory-authority.ts';
import { readPemRequest } from '../../ca/request.ts';
import { renew } from '../../ca/renew.ts';
import { freshKey } from '../../ca/specimen-request.ts';
import type { Certificate } from '../../x509/certificate.ts';
import { encodePem } from '../../x509/pem.ts';
import { buildRequest } from '../../x509/request.ts';
import { type ApprovalQueueParts, approvalCheck, decide } from './approval-queue.ts';
import { type ApprovalRule, approvableDoors, ruleFor } from './approval-rules.ts';
import { memoryApprovals } from './memory-approvals.ts';

const fault = (code: string) => ({ name: 'Fault', code });
const csr = (key = freshKey()): string =>
  encodePem('CERTIFICATE REQUEST', buildRequest(key, { commonName: 'ci-bot' }));

const everything: ApprovalRule = {
  doors: approvableDoors,
  kinds: ['agent', 'ephemeral', 'server', 'gateway', 'admin'],
  names: [],
  action: 'wait',
  life: 3_600_000,
  byAnother: false,
};

type Queued = MemoryAuthority & { readonly queue: ApprovalQueueParts };

function queued(rules: readonly ApprovalRule[]): Queued {
  const authority = memoryAuthority();
  const { audit, clock } = authority;
  const queue = { rules: async () => rules, records: memoryApprovals(), audit, clock };
  return { ...authority, checks: [approvalCheck(queue)], queue };
}

async function ask(
  at: Queued,
  request: string,
  more: Partial<Evidence> = {},
  lastly?: () => Promise<void>,
): Promise<Certificate> {
  const evidence: Evidence = {
    door: 'join-token',
    name: 'ci-bot',
    kind: 'agent',
    owner: 'ada',
    dnsNames: [],
    ipAddresses: [],
    address: '127.0.0.1',
    replaces: null,
    ...more,
  };
  return await certify({ request: await readPemRequest(request), evidence, requestedLife: null }, at, lastly);
}

const granted = (by: string) => ({ state: 'granted', by, reason: null }) as const;

async function onlyId(at: Queued): Promise<string> {
  const [record, ...more] = await at.queue.records.list();
  assert.deepEqual(more, []);
  return record?.id ?? '';
}

test('I3 a request waits until an administrator grants it, is then given once, and waits again', async () => {
  const at = queued([everything]);
  const request = csr();
  for (let time = 0; time < 3; time++) await assert.rejects(ask(at, request), fault('approval_pending'));
  const id = await onlyId(at);
  await decide(id, granted('grace'), at.queue);
  await ask(at, request);
  await assert.rejects(ask(at, request), fault('approval_pending'));
  assert.deepEqual(
    at.events.map(({ type }) => type),
    [
      'approval.asked',
      'approval.granted',
      'approval.used',
      'certificate.reserved',
      'certificate.issued',
      'approval.asked',
    ],
  );
  const [asked] = at.events;
  assert.deepEqual(
    [asked?.['name'], asked?.['door'], asked?.['owner'], asked?.['address']],
    ['ci-bot', 'join-token', 'ada', '127.0.0.1'],
  );
});

test('I3 a grant is for one key: another request of the same name waits for itself', async () => {
  const at = queued([everything]);
  await assert.rejects(ask(at, csr()), fault('approval_pending'));
  await decide(await onlyId(at), granted('grace'), at.queue);
  await assert.rejects(ask(at, csr()), fault('approval_pending'));
  assert.deepEqual(await at.records.list({}), []);
});

test('I3 a request that is refused stays refused, with the reason, until it is over', async () => {
  const at = queued([everything]);
  const request = csr();
  await assert.rejects(ask(at, request), fault('approval_pending'));
  await decide(await onlyId(at), { state: 'refused', by: 'grace', reason: 'unknown machine' }, at.queue);
  await assert.rejects(ask(at, request), { code: 'approval_refused', message: /unknown machine/ });
  at.clock.advance(everything.life);
  await assert.rejects(ask(at, request), fault('approval_pending'));
});

test('I3 what uses evidence up happens when the certificate is given, not while it waits', async () => {
  const at = queued([everything]);
  const request = csr();
  let used = 0;
  const lastly = async () => void (used += 1);
  await assert.rejects(ask(at, request, {}, lastly), fault('approval_pending'));
  assert.equal(used, 0);
  await decide(await onlyId(at), granted('grace'), at.queue);
  await ask(at, request, {}, lastly);
  assert.equal(used, 1);
});

test('I3 who stands behind a request does not grant it, where it has to be another', async () => {
  const at = queued([{ ...everything, byAnother: true }]);
  await assert.rejects(ask(at, csr()), fault('approval_pending'));
  const id = await onlyId(at);
  await assert.rejects(decide(id, granted('ada'), at.queue), fault('denied'));
  await decide(id, granted('grace'), at.queue);
  await assert.rejects(decide('nothing', granted('grace'), at.queue), fault('not_found'));
});

test('I3 a log that cannot be written grants nothing', async () => {
  const at = queued([everything]);
  const request = csr();
  await assert.rejects(ask(at, request), fault('approval_pending'));
  const audit = { append: () => Promise.reject(new Error('disk full')) };
  await assert.rejects(decide(await onlyId(at), granted('grace'), { ...at.queue, audit }), /disk full/);
  await assert.rejects(ask(at, request), fault('approval_pending'));
});

test('I3 I6 a renewal, an ACME order and the authority itself do not wait', async () => {
  const at = queued([everything]);
  const { serial } = await ask(at, csr(), { door: 'acme' });
  await renew({ current: { serial }, request: await readPemRequest(csr()) }, at);
  await ask(at, csr(), { door: 'own' });
  assert.deepEqual(await at.queue.records.list(), []);
});

test('I3 the first rule that fits a request counts', () => {
  const rules: readonly ApprovalRule[] = [
    { ...everything, names: ['test-*', '*-tmp', 'a*b*c'], action: 'pass' },
    { ...everything, doors: ['workload'], kinds: ['gateway'] },
    { ...everything, names: ['prod', 'test-gate'] },
  ];
  const waits = (name: string, door = 'join-token', kind: Evidence['kind'] = 'agent'): boolean => {
    const evidence = { door, name, kind, owner: 'o', dnsNames: [], ipAddresses: [], replaces: null };
    return ruleFor(rules, evidence) !== null;
  };
  assert.deepEqual(
    ['prod', 'prod-1', 'test-gate', 'x'].map((name) => waits(name)),
    [true, false, false, false],
  );
  for (const name of ['test-', 'x-tmp', 'abc', 'a1b2c'])
    assert.equal(waits(name, 'workload', 'gateway'), false, name);
  for (const name of ['acb', 'ab', 'tmp', 'xtest-'])
    assert.equal(waits(name, 'workload', 'gateway'), true, name);
  assert.equal(waits('x', 'workload', 'agent'), false);
  assert.equal(waits('prod', 'acme'), false);
});

test('I3 S4 granting a request that is over is refused, and the log does not say that it was granted', async () => {
  const at = queued([everything]);
  await assert.rejects(ask(at, csr()), fault('approval_pending'));
  const id = await onlyId(at);
  at.clock.advance(everything.life);
  await assert.rejects(decide(id, granted('grace'), at.queue), fault('conflict'));
  assert.equal(at.events.filter(({ type }) => type === 'approval.granted').length, 0);
});
