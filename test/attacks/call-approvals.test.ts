import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { AuthorityApprovals } from '../../src/app/approvals/gateway-approvals.ts';
import { Fault } from '../../src/kernel/fault.ts';
import { askingPolicy, handleOf, openAskingTown, untilWaiting } from '../journeys/asking-town.ts';
import { until } from '../journeys/deployment.ts';
import { runHere } from '../journeys/program.ts';
import { type RawAgent, rawAgent } from '../journeys/raw-agent.ts';
import { openSecondGateway } from '../journeys/second-gateway.ts';

const canary = 'canary-4711-of-the-arguments';
const pay = { name: 'pay', arguments: { to: 'ACME', amount: 100, note: canary } };

test('A4 S2 an approval is good for one call: replayed, 20 at once at two gateways, changed, or of others, it is none', async () => {
  await using asking = await openAskingTown();
  const { town, order, paid } = asking;
  const { callApprovals } = town.deployment.authority;
  const approvals: AuthorityApprovals = {
    ask: (call) => callApprovals.ask(call, 'second'),
    use: (approval) => callApprovals.use(approval, 'second'),
    withdraw: (approval) => callApprovals.withdraw(approval, 'second'),
  };
  await using elsewhere = await openSecondGateway(town, { approvalWaitMilliseconds: 0 }, 0, { approvals });
  await town.addHttpServer('bank2', asking.bank.url);
  await using agent = await rawAgent(town, 'ci-bot', { server: 'bank' });
  await using other = await rawAgent(town, 'other', { server: 'bank' });
  await using there = await rawAgent(town, 'ci-bot', { known: true, at: elsewhere.endpoint('bank') });
  await until(() => elsewhere.gateway.view.servers().has('bank'));
  const session = await agent.initialize();
  const sessions = new Map<RawAgent, string>([
    [agent, session],
    [other, await other.initialize()],
    [there, await there.initialize()],
  ]);
  const call = (who: RawAgent, params: object): ReturnType<RawAgent['legacy']> =>
    who.legacy(sessions.get(who) ?? '', 'tools/call', params as Record<string, unknown>);

  const id = handleOf(await call(agent, pay));
  await order('call-approval.grant', { id });
  // Changed, or another's: none of these is the call that was approved.
  for (const params of [
    { ...pay, arguments: { ...pay.arguments, amount: 101 } },
    { ...pay, arguments: { ...pay.arguments, amount: '100' } },
    { ...pay, arguments: { ...pay.arguments, cc: 'EVE' } },
    { ...pay, _meta: { 'vendor/account': 'EVE' } },
    { ...pay, name: 'close' },
  ]) {
    const answer = await call(agent, params);
    assert.equal(answer.error?.data?.code, 'call_unapproved');
    assert.notEqual(handleOf(answer), id);
  }
  assert.notEqual(handleOf(await call(other, pay)), id);
  assert.equal(paid(), 0);
  // In another session of the same agent it is the same call, and 20 at once at two gateways use it once.
  const second = await agent.initialize();
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, at) =>
      at % 2 === 0 ? call(there, pay) : agent.legacy(at % 4 === 1 ? session : second, 'tools/call', pay),
    ),
  );
  assert.equal(answers.filter(({ error }) => error === null).length, 1);
  assert.equal(paid(), 1);
  for (const { error } of answers) if (error) assert.equal(error.data?.code, 'call_unapproved');
  // What was used is not used again, also not where it was not used before.
  assert.notEqual(handleOf(await call(agent, pay)), id);
  assert.notEqual(handleOf(await call(there, pay)), id);
  assert.equal(paid(), 1);

  // The arguments are where the approver sees them, and in no log.
  const shown = JSON.stringify(await order('call-approval.show', { id }));
  assert.ok(shown.includes(canary));
  for (const folder of [town.data.gatewayLog, town.data.authorityLog]) {
    const log = await readFile(join(folder, 'log-00000000000000000000.jsonl'), 'utf8');
    assert.ok(log.includes(id), folder);
    assert.ok(!log.includes(canary), folder);
  }
});

test('A4 a batch with a call that is asked about is refused whole, with the reason (attack: hide it among others)', async () => {
  await using asking = await openAskingTown();
  await using agent = await rawAgent(asking.town, 'ci-bot', { server: 'bank' });
  const calls = [{ name: 'balance' }, pay].map((params, id) => ({
    jsonrpc: '2.0',
    id,
    method: 'tools/call',
    params,
  }));
  const response = await agent.fetch({
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2025-03-26',
    },
    body: JSON.stringify(calls),
  });
  const answers = (await response.json()) as readonly {
    error: { message: string; data: { code: string } };
  }[];
  for (const { error } of answers) {
    assert.equal(error.data.code, 'call_unapproved');
    assert.match(error.message, /send the call alone/);
  }
  assert.equal(answers.length, 2);
  assert.deepEqual(await asking.waiting(), []);
  assert.equal(asking.bank.asked.filter(({ method }) => method === 'tools/call').length, 0);
});

test('A4 what changed between approval and call counts: a forbid, another reason, a suspended agent, a dead authority', async () => {
  await using asking = await openAskingTown();
  const { town, order, paid } = asking;
  await using agent = await rawAgent(town, 'ci-bot', { server: 'bank' });
  const session = await agent.initialize();
  const make = (): ReturnType<RawAgent['legacy']> => agent.legacy(session, 'tools/call', pay);
  const id = handleOf(await make());
  await order('call-approval.grant', { id });
  await town.permit(`${askingPolicy} forbid (principal, action == Action::"tools/call", resource);`);
  assert.equal((await make()).error?.data?.code, 'denied');
  await town.permit(
    askingPolicy.replace('money leaves the company', 'money leaves, now with another reason'),
  );
  assert.notEqual(handleOf(await make()), id);
  await town.permit(`${askingPolicy}// as before`);
  const { authority } = town.deployment;
  await authority.changeAgentState('ci-bot', 'suspended', 'test');
  await until(() => town.gateway.view.identity.agent('ci-bot')?.state === 'suspended');
  // Its connections are cut, or the call on a new one is refused.
  const made = await make().then(
    ({ error }) => error === null,
    () => false,
  );
  assert.equal(made, false);
  await authority.changeAgentState('ci-bot', 'active', 'test');
  await until(() => town.gateway.view.identity.agent('ci-bot')?.state === 'active');
  // A gateway whose authority is dead refuses, though the approval is there.
  for (const approvals of [undefined, dead()]) {
    await using alone = await openSecondGateway(town, { approvalWaitMilliseconds: 0 }, 0, {
      ...(approvals && { approvals }),
    });
    await until(() => alone.gateway.view.servers().has('bank'));
    await using there = await rawAgent(town, 'ci-bot', { known: true, at: alone.endpoint('bank') });
    const answer = await there.legacy(await there.initialize(), 'tools/call', pay);
    assert.equal(answer.error?.data?.code, 'unavailable');
  }
  assert.equal(paid(), 0);
  assert.equal((await make()).error, null);
  assert.equal(paid(), 1);
});

function dead() {
  const gone = (): Promise<never> => Promise.reject(new Fault('upstream_unreachable', 'nobody is there'));
  return { ask: gone, use: gone, withdraw: gone };
}

test('A4 a held call of an agent that is suspended meanwhile is not made, though it was approved', async () => {
  await using asking = await openAskingTown({ approvalWaitMilliseconds: 10_000 });
  const { town } = asking;
  await using agent = await rawAgent(town, 'ci-bot', { server: 'bank' });
  const session = await agent.initialize();
  const outcome = agent.legacy(session, 'tools/call', pay).then(
    ({ error }) => error?.data?.code ?? null,
    () => 'cut',
  );
  const [id = ''] = await untilWaiting(asking, 1);
  await town.deployment.authority.changeAgentState('ci-bot', 'suspended', 'test');
  await until(() => town.gateway.view.identity.agent('ci-bot')?.state === 'suspended');
  await asking.order('call-approval.grant', { id });
  const came = await outcome;
  assert.ok(came === 'cut' || came === 'agent_inactive', String(came));
  assert.equal(asking.paid(), 0);
});

test('A4 the own person of an agent does not approve what another has to, and an agent approves nothing', async () => {
  await using asking = await openAskingTown();
  const { town, order } = asking;
  await writeFile(
    join(town.data.policies, 'call-approvals.yaml'),
    'approvers:\n  - admin: olga\n    persons: [o]\n  - admin: grace\n    persons: [grace@example.com]\n',
  );
  await town.permit(`${askingPolicy}// again`);
  await using agent = await rawAgent(town, 'ci-bot', { server: 'bank' });
  const session = await agent.initialize();
  const close = { name: 'close', arguments: {} };
  const id = handleOf(await agent.legacy(session, 'tools/call', close));
  await assert.rejects(order('call-approval.grant', { id }, 'olga'), { code: 'denied', message: /your own/ });
  await assert.rejects(order('call-approval.grant', { id }, 'operator'), { code: 'denied' });
  const asAgent = await agentAtAuthority(asking, id);
  assert.deepEqual(asAgent, [403, 403, 403]);
  assert.notEqual((await agent.legacy(session, 'tools/call', close)).error, null);
  await order('call-approval.grant', { id }, 'grace');
  assert.equal((await agent.legacy(session, 'tools/call', close)).error, null);
});

/** What the authority answers to an agent that would approve, use or ask by itself. */
async function agentAtAuthority(
  { town }: Awaited<ReturnType<typeof openAskingTown>>,
  id: string,
): Promise<number[]> {
  const statuses: number[] = [];
  for (const [path, body] of [
    ['/v1/admin/call-approval.grant', { id }],
    ['/v1/calls/use', { id, digest: 'd'.repeat(43) }],
    ['/v1/calls/ask', {}],
  ] as const) {
    await using asAgent = await rawAgent(town, 'ci-bot', { known: true, at: `${town.authorityUrl}${path}` });
    const headers = { 'content-type': 'application/json' };
    const { status } = await asAgent.fetch({ method: 'POST', headers, body: JSON.stringify(body) });
    statuses.push(status);
  }
  return statuses;
}

test('A4 what an agent puts into its arguments is shown and not obeyed (attack: terminal escapes, text turned round, hidden text)', async () => {
  await using asking = await openAskingTown();
  const { town } = asking;
  await using agent = await rawAgent(town, 'ci-bot', { server: 'bank' });
  const nasty = {
    to: '\u001b[2J\u001b]0;x\u0007EVE',
    note: 'EUR \u202e001\u202c',
    iban: 'DE\u200b12\u009b',
    'a\u2066': '\u05d0 7',
  };
  const id = handleOf(
    await agent.legacy(await agent.initialize(), 'tools/call', { name: 'pay', arguments: nasty }),
  );
  const folder = await mkdtemp(join(tmpdir(), 'countersign-nasty-'));
  try {
    const { cert, key, ca } = await town.issue('operator', 'admin');
    await writeFile(join(folder, 'certificate.pem'), cert);
    await writeFile(join(folder, 'key.pem'), key, { mode: 0o600 });
    await writeFile(join(folder, 'roots.pem'), ca);
    const where = ['--authority', town.authorityUrl, '--admin', folder];
    for (const words of [
      ['call-approval', 'list'],
      ['call-approval', 'show', id],
    ]) {
      for (const more of [[], ['--json']]) {
        const { code, stdout, stderr } = await runHere([...words, ...where, ...more]);
        assert.equal(code, 0, stderr);
        assert.doesNotMatch(stdout.replaceAll('\n', ''), /[\p{C}\u0590-\u05ff]/u);
        if (words[1] !== 'show') continue;
        const shown =
          more.length > 0
            ? stdout
            : stdout.replaceAll(/\\u\{([0-9a-f]+)\}/g, (_, hex: string) => `\\u${hex.padStart(4, '0')}`);
        const params = JSON.parse(shown.slice(more.length > 0 ? 0 : shown.indexOf('\n{'))) as Record<
          string,
          unknown
        >;
        const exact = more.length > 0 ? (params['params'] as Record<string, unknown>) : params;
        assert.deepEqual(exact['arguments'], nasty);
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
