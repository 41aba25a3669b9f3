import assert from 'node:assert/strict';
import { test } from 'node:test';
import { handleOf, openAskingTown, untilWaiting } from './asking-town.ts';
import { mutualFetch } from './mcp-clients.ts';
import { rawAgent } from './raw-agent.ts';
import { sdkClients } from './sdk-clients.ts';

const pay = { name: 'pay', arguments: { to: 'ACME', amount: 100 } };

test('A4 a call that policy asks about is refused with an id, approved by a person who sees it whole, and made once', async () => {
  await using asking = await openAskingTown();
  await using agent = await rawAgent(asking.town, 'ci-bot', { server: 'bank' });
  const session = await agent.initialize();
  const first = await agent.legacy(session, 'tools/call', pay);
  assert.equal(first.status, 200);
  assert.deepEqual([first.error?.code, first.error?.data?.code], [403, 'call_unapproved']);
  assert.match(first.error?.message ?? '', /money leaves the company.*make the same call again/);
  const id = handleOf(first);
  const shown = (await asking.order('call-approval.show', { id })) as Record<string, unknown>;
  assert.deepEqual(
    [shown['agent'], shown['owner'], shown['server'], shown['target'], shown['params'], shown['state']],
    ['ci-bot', 'o', 'bank', 'pay', pay, 'waiting'],
  );
  assert.equal(
    handleOf(await agent.legacy(session, 'tools/call', pay)),
    id,
    'the same call is the same request',
  );
  assert.equal(asking.paid(), 0);
  await asking.order('call-approval.grant', { id, reason: 'invoice 7' });
  const made = await agent.legacy(session, 'tools/call', pay);
  assert.equal(made.error, null);
  assert.equal(asking.paid(), 1);
  const again = await agent.legacy(session, 'tools/call', pay);
  assert.notEqual(handleOf(again), id);
  assert.equal(asking.paid(), 1);
  // What needs nobody is not held up.
  assert.equal((await agent.legacy(session, 'tools/call', { name: 'balance' })).error, null);
  const events = await asking.town.events();
  const permitted = events.find((event) => event.type === 'call.permitted' && 'approval' in event);
  assert.equal(permitted?.['approval'], id);
  assert.deepEqual(permitted?.['policies'], ['all', 'payments']);
});

test('A4 a held call goes on as soon as it is approved, and is refused as soon as it is refused', async () => {
  await using asking = await openAskingTown({ approvalWaitMilliseconds: 8_000 });
  await using agent = await rawAgent(asking.town, 'ci-bot', { server: 'bank' });
  const session = await agent.initialize();
  for (const state of ['grant', 'refuse'] as const) {
    const call = agent.legacy(session, 'tools/call', { ...pay, arguments: { to: state } });
    const [id = ''] = await untilWaiting(asking, 1);
    const before = performance.now();
    await asking.order(`call-approval.${state}`, { id, reason: 'looked at' });
    const { error } = await call;
    assert.ok(performance.now() - before < 4_000);
    assert.equal(error?.data?.code, state === 'grant' ? undefined : 'approval_refused');
  }
  assert.equal(asking.paid(), 1);
});

test('A4 T3 every SDK client waits in its own way: held in the era of sessions, asked in rounds in that of 2026-07-28', async () => {
  await using asking = await openAskingTown({ approvalWaitMilliseconds: 10_000 });
  const { town } = asking;
  await town.addAgent('ci-bot');
  await using fetch = mutualFetch(await town.issue('ci-bot'));
  for (const endpoint of [town.endpoint('bank'), `${town.gateway.agents.url}/mcp`]) {
    const name = endpoint.endsWith('bank') ? 'pay' : 'bank__pay';
    for (const { name: sdk, era, connect } of sdkClients) {
      await using client = await connect({
        kind: 'http',
        url: endpoint,
        fetch: fetch as typeof globalThis.fetch,
      });
      const before = asking.paid();
      const call = client.call(name, { args: { by: sdk } });
      const [id = ''] = await untilWaiting(asking, 1);
      assert.equal(asking.paid(), before, `${sdk} at ${endpoint}`);
      await asking.order('call-approval.grant', { id });
      assert.equal(await call, 'pay done', `${sdk} at ${endpoint}`);
      assert.equal(asking.paid(), before + 1);
      const rounds = (await town.events()).filter(
        (event) => event.type === 'call.refused' && event['code'] === 'call_unapproved',
      );
      assert.ok(era === 'modern' ? rounds.length > 0 : true);
      // Nothing of the round reached the server.
      const [sent] = asking.bank.asked.slice(-1);
      assert.deepEqual(sent?.params['arguments'], { by: sdk });
      assert.equal(sent?.params['inputResponses'] ?? sent?.params['requestState'], undefined);
    }
  }
});

test('A4 a person at the client who declines takes the call back, and nobody can approve it any more', async () => {
  await using asking = await openAskingTown();
  await using agent = await rawAgent(asking.town, 'ci-bot', { server: 'bank' });
  const { result } = await agent.modern('tools/call', pay);
  assert.equal(result?.['resultType'], 'input_required');
  const [id = ''] = await asking.waiting();
  const { requestState } = result ?? {};
  const inputResponses = { 'countersign-approval': { action: 'decline' } };
  const declined = await agent.modern('tools/call', { ...pay, requestState, inputResponses });
  assert.match(declined.error?.message ?? '', /given the call up/);
  await assert.rejects(asking.order('call-approval.grant', { id }), { code: 'conflict' });
  // What it accepted is no approval, and a state that was made for another call is none.
  const accepted = { 'countersign-approval': { action: 'accept' } };
  const other = await agent.modern('tools/call', { name: 'balance', requestState, inputResponses: accepted });
  assert.equal(other.error?.data?.code, 'handle_unknown');
  const still = await agent.modern('tools/call', { ...pay, requestState, inputResponses: accepted });
  assert.equal(still.result?.['resultType'], 'input_required');
  assert.equal(asking.paid(), 0);
});
