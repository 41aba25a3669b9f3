import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alertWaitingCalls, type WaitingCallsParts } from './alert-waiting-calls.ts';
import { aCall, grace, type QueueOfTests, withQueue } from './call-approval.fixture.ts';

test('A4 a call that waits is an alert until it is decided, told to the receiver without its arguments', async () => {
  await withQueue(async (made) => {
    let woken = 0;
    const parts = partsOf(made, () => void (woken += 1));
    const { id } = await made.queue.ask(aCall(), 'gateway');
    for (let look = 0; look < 2; look++) await alertWaitingCalls(parts);
    const [alert, ...more] = await made.store.alerts.list(false);
    assert.deepEqual(more, []);
    assert.deepEqual([alert?.cause, alert?.name, alert?.serial], ['call-waiting', 'ci-bot', id]);
    assert.match(alert?.detail ?? '', /tools\/call pay on bank: money \(policy payments\)/);
    assert.equal(woken, 1);
    const message = await made.store.alerts.nextMessage();
    assert.ok(message);
    const { body, sequence } = message;
    assert.deepEqual(body['call'], {
      id,
      agent: 'ci-bot',
      until: new Date(alert?.endsAt ?? 0).toISOString(),
    });
    assert.equal(body['certificate'], undefined);
    assert.doesNotMatch(JSON.stringify(body), /ACME/);
    await made.store.alerts.taken(sequence);
    await made.queue.decide(id, { state: 'granted', reason: null }, grace);
    await alertWaitingCalls(parts);
    assert.deepEqual(await made.store.alerts.list(false), []);
    const resolved = await made.store.alerts.nextMessage();
    assert.deepEqual([resolved?.body['state'], resolved?.body['detail']], ['resolved', 'It was approved.']);
  });
});

test('A4 an alert that a crash left behind is resolved, and says what became of its call', async () => {
  await withQueue(async (made) => {
    const parts = partsOf(made, null);
    const refused = await made.queue.ask(aCall(), 'gateway');
    const over = await made.queue.ask(aCall({ digest: 'o'.repeat(43) }), 'gateway');
    const given = await made.queue.ask(aCall({ digest: 'g'.repeat(43) }), 'gateway');
    await alertWaitingCalls(parts);
    await made.queue.decide(refused.id, { state: 'refused', reason: 'no' }, grace);
    await made.queue.withdraw({ id: given.id, digest: 'g'.repeat(43) }, 'gateway');
    made.clock.advance(3_600_000);
    await made.queue.sweep();
    await alertWaitingCalls(parts);
    const details = new Map(
      (await made.store.alerts.list(true)).map(({ serial, detail }) => [serial, detail]),
    );
    assert.equal(details.get(refused.id), 'It was refused.');
    assert.equal(details.get(over.id), 'Nobody decided in time.');
    assert.equal(details.get(given.id), 'Its client gave it up.');
    assert.deepEqual(await made.store.alerts.list(false), []);
    assert.equal(await made.store.alerts.nextMessage(), null);
  });
});

function partsOf({ store, clock }: QueueOfTests, receiver: (() => void) | null): WaitingCallsParts {
  const { alerts, callApprovals: records } = store;
  return { alerts, records, now: clock.now, trustDomain: 'example.internal', receiver };
}
