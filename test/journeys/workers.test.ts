import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { verifyAuditLog } from '../../src/audit/verify.ts';
import { openTown, type Town, until } from './deployment.ts';
import { mutualFetch } from './mcp-clients.ts';
import { openScriptedServer, type ScriptedServer } from './scripted-server.ts';
import { modernRequest } from './raw-agent.ts';
import { run, type Running, start } from './program.ts';

interface Parts {
  readonly ready: boolean;
  readonly parts: Readonly<Record<string, { readonly ok: boolean; readonly detail: string }>>;
}

/** A gateway in two processes, in a town of its own. */
async function openWorkers(town: Town, state: string): Promise<Running> {
  const { authority } = town.deployment;
  const addresses = { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1', '::1'] };
  const order = { name: 'edge', kind: 'gateway', minutes: 5, ...addresses } as const;
  const { token, rootFingerprint } = await authority.createJoinToken(order, 'test');
  const words = ['gateway', '--authority', town.authorityUrl, '--name', 'edge', '--state', state];
  const arrive = ['--ca-fingerprint', rootFingerprint, '--join-token', token, '--ports', 'any'];
  return await start([...words, ...arrive], { COUNTERSIGN_GATEWAY_WORKERS: '2' });
}

/** One call over a connection of its own, which goes to whichever worker is next. */
async function call(running: Running, shown: Awaited<ReturnType<Town['issue']>>, name = 'work') {
  await using fetch = mutualFetch(shown);
  const url = `${running.first.listening['agents']}/mcp/scripted`;
  const asked = { method: 'POST', ...modernRequest(1, 'tools/call', { name, arguments: {} }) };
  const response = await fetch(url, asked);
  await response.text();
  return response.status;
}

async function partsOf(running: Running): Promise<Parts> {
  return (await (await fetch(`${running.first.listening['ops']}/readyz`)).json()) as Parts;
}

async function openWorld(opened: AsyncDisposableStack) {
  const state = await mkdtemp(join(tmpdir(), 'countersign-workers-'));
  opened.defer(() => rm(state, { recursive: true, force: true }));
  const server: ScriptedServer = opened.use(
    await openScriptedServer({ 'tools/call': { content: [], resultType: 'complete' } }),
  );
  const town = opened.use(await openTown());
  await town.addHttpServer('scripted', server.url);
  await town.addAgent('ci-bot');
  await town.permit('permit (principal, action, resource);');
  return { state, server, town, shown: await town.issue('ci-bot') };
}

test('T7 U7 two workers share a port and one limit, have a log each, and say of themselves together', async () => {
  await using opened = new AsyncDisposableStack();
  const { state, server, town, shown } = await openWorld(opened);
  {
    await using running = await openWorkers(town, state);
    const { ready, parts } = await partsOf(running);
    assert.equal(ready, true);
    assert.equal(parts['workers']?.detail, '2 at work');
    for (let calls = 0; calls < 6; calls += 1) assert.equal(await call(running, shown), 200);
    const metrics = await (await fetch(`${running.first.listening['ops']}/metrics`)).text();
    assert.match(metrics, /countersign_registry_sequence\{worker="1"\} \d+/);
    assert.match(metrics, /countersign_registry_sequence\{worker="2"\} \d+/);
    await town.limit('limits: [{ name: few, per: [agent], budget: { day: { calls: 5 } } }]');
    // Each worker hears of it by itself.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const statuses: number[] = [];
    for (let calls = 0; calls < 10; calls += 1) statuses.push(await call(running, shown));
    assert.deepEqual(statuses.slice(0, 5), [200, 200, 200, 200, 200]);
    assert.deepEqual(new Set(statuses.slice(5)), new Set([429]));
  }
  const logs = (await readdir(state)).filter((name) => /^gateway-log-\d$/.test(name)).sort();
  assert.deepEqual(logs, ['gateway-log-1', 'gateway-log-2']);
  let answered = 0;
  for (const [at, log] of logs.entries()) {
    const verified = await verifyAuditLog(join(state, log));
    assert.equal(verified.ok, true);
    assert.match(JSON.stringify(verified), new RegExp(`example.internal/gateway/edge/worker-${at + 1}`));
    answered += 1;
  }
  assert.equal(answered, 2);
  assert.equal(server.asked.filter(({ method }) => method === 'tools/call').length, 11);
});

test('U7 a worker that dies takes its own calls with it and no other, gives back what they held, and is started again', async () => {
  await using opened = new AsyncDisposableStack();
  const { state, town, shown } = await openWorld(opened);
  const hanging = opened.use(await openScriptedServer({ 'tools/call': 'wait' }));
  await town.addHttpServer('hanging', hanging.url);
  await using running = await openWorkers(town, state);
  const children = async (): Promise<readonly number[]> => {
    const { pid } = running.child;
    const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return text.trim().split(' ').map(Number);
  };
  const hang = async (): Promise<string> => {
    await using fetch = mutualFetch(shown);
    const url = `${running.first.listening['agents']}/mcp/hanging`;
    const asked = { method: 'POST', ...modernRequest(1, 'tools/call', { name: 'hang', arguments: {} }) };
    return await fetch(url, asked).then(
      ({ status }) => String(status),
      () => 'broken',
    );
  };
  const calls: Promise<string>[] = [];
  const live = async (): Promise<readonly string[]> => {
    const metrics = await (await fetch(`${running.first.listening['ops']}/metrics`)).text();
    return [...metrics.matchAll(/countersign_live_calls\{worker="(\d)"\} [1-9]/g)].map(
      ([, worker = '']) => worker,
    );
  };
  // Whoever is free takes a connection, so it may take some until each has one.
  let busy: readonly string[] = [];
  await until(
    () => busy.length === 2,
    async () => {
      if (calls.length < 30) calls.push(hang());
      busy = await live();
    },
    30_000,
  );
  const [first = 0] = await children();
  process.kill(first, 'SIGKILL');
  // The others go on at once.
  for (let each = 0; each < 4; each += 1) assert.equal(await call(running, shown), 200);
  const outcomes = calls.map((one) =>
    Promise.race([one, new Promise<string>((done) => setTimeout(() => done('open'), 1_000))]),
  );
  const seen = await Promise.all(outcomes);
  assert.ok(seen.includes('broken') && seen.includes('open'), seen.join());
  let detail = '';
  await until(
    () => detail === '2 at work',
    async () => {
      detail = (await partsOf(running)).parts['workers']?.detail ?? '';
    },
    30_000,
  );
  assert.ok(!(await children()).includes(first));
  for (let each = 0; each < 4; each += 1) assert.equal(await call(running, shown), 200);
  await Promise.allSettled([running[Symbol.asyncDispose](), ...calls]);
});

test('U7 U8 the authority and two workers of its gateway are one command', async () => {
  await using opened = new AsyncDisposableStack();
  const { state, town, shown } = await openWorld(opened);
  const passphrase = join(state, 'passphrase');
  await writeFile(passphrase, town.passphrase, { mode: 0o600 });
  await town.deployment[Symbol.asyncDispose]();
  const folder = join(state, 'authority');
  await cp(town.data.folder, folder, { recursive: true });
  const words = ['up', '--folder', folder, '--ports', 'any', '--passphrase-file', passphrase];
  await using running = await start(words, { COUNTERSIGN_GATEWAY_WORKERS: '2' });
  for (let each = 0; each < 6; each += 1) assert.equal(await call(running, shown), 200);
  const { ready, parts } = await partsOf(running);
  assert.equal(ready, true);
  assert.equal(parts['workers']?.detail, '2 at work');
  await running[Symbol.asyncDispose]();
  assert.equal(running.child.exitCode, 0);
  // Whatever reads the gateway's log reads all of them.
  const unlock = ['--folder', folder, '--passphrase-file', passphrase];
  const replayed = await run(['policy', 'replay', join(folder, 'policies'), ...unlock, '--json']);
  assert.equal((JSON.parse(replayed.stdout) as { looked: number }).looked, 6, replayed.stderr);
});
