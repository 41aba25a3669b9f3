import assert from 'node:assert/strict';
import { test } from 'node:test';
import { callApprovalQueue } from './call-approval-queue.ts';
import { mostCallsWaiting } from './call-approval-records.ts';
import { aCall, grace, type QueueOfTests, withQueue } from './call-approval.fixture.ts';
import { defaultCallApprovals } from '../config/call-approvals-file.ts';

const yes = { state: 'granted', reason: null } as const;
const no = { state: 'refused', reason: 'not this one' } as const;
const fault = (code: string) => ({ name: 'Fault', code });
const numbered = (at: number): string => String(at).padStart(43, '0');
const types = ({ events }: QueueOfTests): readonly string[] => events.map(({ type }) => type);

test('A4 a call waits, is approved, and is used once by one of 20 at once; each step is in the log, and no argument', async () => {
  await withQueue(async (made) => {
    const { queue, told } = made;
    const { id, state } = await queue.ask(aCall(), 'gateway');
    assert.equal(state, 'waiting');
    assert.equal(await queue.use({ id, digest: aCall().digest }, 'gateway'), false);
    await queue.decide(id, yes, grace);
    assert.deepEqual(told, [id]);
    assert.equal((await queue.ask(aCall(), 'edge')).state, 'granted');
    assert.equal(await queue.use({ id, digest: numbered(1) }, 'edge'), false, 'for no other call');
    const gateways = Array.from({ length: 20 }, (_, at) => `edge-${at}`);
    const used = await Promise.all(gateways.map((name) => queue.use({ id, digest: aCall().digest }, name)));
    assert.equal(used.filter(Boolean).length, 1);
    const again = await queue.ask(aCall(), 'gateway');
    assert.notEqual(again.id, id);
    assert.equal(again.state, 'waiting');
    assert.deepEqual(types(made), [
      'call-approval.asked',
      'call-approval.granted',
      'call-approval.used',
      'call-approval.asked',
    ]);
    assert.doesNotMatch(JSON.stringify(made.events), /ACME/);
    assert.equal(made.events[0]?.['argumentsHash'], aCall().argumentsHash);
    assert.equal(made.events[0]?.['owner'], 'ada@example.com');
  });
});

test('A4 what is past its end is neither approved nor used, is said to have expired, and can be asked for again', async () => {
  await withQueue(async (made) => {
    const { queue, clock, told } = made;
    const first = await queue.ask(aCall(), 'gateway');
    clock.advance(defaultCallApprovals.wait);
    await assert.rejects(queue.decide(first.id, yes, grace), fault('conflict'));
    assert.deepEqual(types(made), ['call-approval.asked'], 'the log does not say that it was granted');
    const second = await queue.ask(aCall(), 'gateway');
    assert.notEqual(second.id, first.id);
    await queue.decide(second.id, yes, grace);
    clock.advance(defaultCallApprovals.use);
    assert.equal(await queue.use({ id: second.id, digest: aCall().digest }, 'gateway'), false);
    await queue.sweep();
    await queue.sweep();
    assert.deepEqual(told, [first.id, second.id, second.id]);
    assert.equal(types(made).filter((type) => type === 'call-approval.expired').length, 2);
  });
});

test('A4 an approval that was taken back is none, and a call that was refused stays so until its time is over', async () => {
  await withQueue(async (made) => {
    const { queue, clock } = made;
    const { id } = await queue.ask(aCall(), 'gateway');
    await queue.decide(id, yes, grace);
    await queue.decide(id, no, grace);
    assert.equal(await queue.use({ id, digest: aCall().digest }, 'gateway'), false);
    const refused = await queue.ask(aCall(), 'gateway');
    assert.deepEqual([refused.id, refused.state, refused.reason], [id, 'refused', 'not this one']);
    await assert.rejects(queue.decide(id, yes, grace), fault('conflict'));
    clock.advance(defaultCallApprovals.wait);
    assert.equal((await queue.ask(aCall(), 'gateway')).state, 'waiting');
    await assert.rejects(queue.decide('nothing', yes, grace), fault('not_found'));
  });
});

test('A4 no more calls wait than are let in of one agent, so that nobody is flooded with questions (attack: consent fatigue)', async () => {
  await withQueue(async ({ queue }) => {
    for (let at = 0; at < mostCallsWaiting.ofAgent; at++)
      await queue.ask(aCall({ digest: numbered(at) }), 'g');
    const more = aCall({ digest: numbered(99) });
    await assert.rejects(queue.ask(more, 'g'), fault('limit_reached'));
    assert.equal(
      (await queue.ask({ ...more, spiffeId: 'spiffe://example.internal/agent/b' }, 'g')).state,
      'waiting',
    );
    const { id } = await queue.ask(aCall({ digest: numbered(0) }), 'g');
    await queue.withdraw({ id, digest: numbered(1) }, 'g');
    await assert.rejects(queue.ask(aCall({ digest: numbered(98) }), 'g'), fault('limit_reached'));
    await queue.withdraw({ id, digest: numbered(0) }, 'g');
    await queue.ask(aCall({ digest: numbered(98) }), 'g');
  });
});

test('A4 S4 a log that cannot be written approves nothing and lets nothing be made', async () => {
  await withQueue(async ({ queue, store, clock }) => {
    const deaf = callApprovalQueue({
      rules: () => defaultCallApprovals,
      records: store.callApprovals,
      agents: { find: async () => null },
      audit: { append: () => Promise.reject(new Error('disk full')) },
      clock,
      tell: () => undefined,
    });
    const { id } = await queue.ask(aCall(), 'gateway');
    await assert.rejects(deaf.decide(id, yes, grace), /disk full/);
    assert.equal((await store.callApprovals.find(id))?.state, 'waiting');
    await queue.decide(id, yes, grace);
    await assert.rejects(deaf.use({ id, digest: aCall().digest }, 'gateway'), /disk full/);
    assert.equal(await queue.use({ id, digest: aCall().digest }, 'gateway'), false);
  });
});

const another = [{ policy: 'payments', why: 'money', approver: 'another' }] as const;
const ada = { admin: 'ada', persons: ['Ada@example.com', 'keycloak:ada'], servers: null };

test('A4 where another has to approve, neither the owner of the agent nor the person of the token does (attack: own approval)', async () => {
  const approvers = [ada, { admin: 'grace', persons: ['keycloak:grace'], servers: null }];
  await withQueue(
    async ({ queue }) => {
      const asker = async (change: object): Promise<string> =>
        (await queue.ask(aCall({ asks: another, ...change }), 'gateway')).id;
      const own = await asker({});
      await assert.rejects(queue.decide(own, yes, { name: 'ada', way: 'remote' }), fault('denied'));
      await assert.rejects(queue.decide(own, yes, { name: 'folder-owner', way: 'local' }), fault('denied'));
      await queue.decide(own, yes, grace);
      const person = await asker({ digest: numbered(2), agent: 'other', person: 'keycloak:grace' });
      await assert.rejects(queue.decide(person, yes, grace), fault('denied'));
      await queue.decide(person, no, grace);
      const same = await asker({ digest: numbered(3), agent: 'other', person: 'ada' });
      await assert.rejects(queue.decide(same, yes, { name: 'ada', way: 'remote' }), fault('denied'));
    },
    { approvers },
  );
});

test('A4 where another has to approve, whoever is not known to be somebody else does not', async () => {
  for (const approvers of [null, [{ admin: 'grace', persons: [], servers: null }]]) {
    await withQueue(
      async ({ queue }) => {
        const { id } = await queue.ask(aCall({ asks: another }), 'gateway');
        await assert.rejects(queue.decide(id, yes, grace), {
          code: 'denied',
          message: /call-approvals\.yaml/,
        });
      },
      { approvers },
    );
  }
});

test('A4 where approvers are named only they approve, each the calls to its servers', async () => {
  const approvers = [ada, { admin: 'grace', persons: [], servers: ['files'] }];
  await withQueue(
    async ({ queue }) => {
      const { id } = await queue.ask(aCall(), 'gateway');
      for (const [name, way] of [
        ['grace', 'remote'],
        ['eve', 'remote'],
        ['ada', 'local'],
      ] as const) {
        await assert.rejects(queue.decide(id, yes, { name, way }), fault('denied'), name);
      }
      // Anybody who administers may say no.
      await queue.decide(id, no, grace);
      const files = await queue.ask(aCall({ server: 'files', digest: numbered(1) }), 'gateway');
      await queue.decide(files.id, yes, grace);
    },
    { approvers },
  );
});

test('A4 what waits, was approved or used is as it was after a restart, with its parameters and reasons', async () => {
  await withQueue(async ({ queue, store }) => {
    const { id } = await queue.ask(aCall({ person: 'sso:ada', client: 'desktop', asks: another }), 'gateway');
    const record = await store.callApprovals.find(id);
    assert.deepEqual(
      [record?.params, record?.asks, record?.person, record?.client, record?.gateway],
      [aCall().params, another, 'sso:ada', 'desktop', 'gateway'],
    );
    assert.deepEqual(await store.callApprovals.list(false), [record]);
  });
});
