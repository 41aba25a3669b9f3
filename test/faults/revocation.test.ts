import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openRawSession, type Presented, type RawSession } from '../../tour/raw-request.ts';
import { openLegacyServer } from '../journeys/mcp-servers.ts';
import { isAnswered, openCaller } from './kit/caller.ts';
import { openEchoServer } from './kit/echo-server.ts';
import { openProcessTown } from './kit/process-town.ts';
import { quantiles } from './kit/quantiles.ts';
import { startTcpProxy } from './kit/tcp-proxy.ts';
import { pause, until } from './kit/until.ts';

const agents = 16;

// The one limit here has twenty times the room of what is promised: the figures are printed, and stand in docs/promises.md.
test('I7 a revocation ends calls and live streams at three gateways in processes of their own', {
  timeout: 180_000,
}, async (context) => {
  await using old = await openLegacyServer();
  await using town = await openProcessTown();
  await town.addHttpServer('old', old.url);
  await town.permit('permit (principal, action, resource);');
  const gateways = await Promise.all(['one', 'two', 'three'].map((name) => town.startGateway(name)));
  const refused: number[] = [];
  const cut: number[] = [];
  for (let at = 0; at < agents; at += 1) {
    const name = `bot-${at}`;
    await town.addAgent(name);
    const shown = await town.issue(name);
    const sessions = await Promise.all(
      gateways.map((gateway) => openSession(gateway.endpoint('old'), shown)),
    );
    const began = performance.now();
    const order = town.ask('certificate.revoke', { serial: shown.serial, reason: 'test' });
    await Promise.all(
      sessions.map(async (session) => {
        const ended = session.streamCut.then(() => cut.push(performance.now() - began));
        await until('the refusal', async () => (await session.ping()).status !== 200, 20_000);
        refused.push(performance.now() - began);
        await ended;
        session.close();
      }),
    );
    await order;
  }
  assert.deepEqual([refused.length, cut.length], [3 * agents, 3 * agents]);
  context.diagnostic(`from the order to the first refusal: ${quantiles(refused)}`);
  context.diagnostic(`from the order to the end of the live stream: ${quantiles(cut)}`);
  assert.ok(Math.max(...refused, ...cut) < 20_000);
});

test('I7 a feed that comes late by more than the staleness limit authorises nothing, though heartbeats keep coming', {
  timeout: 180_000,
}, async () => {
  await using echo = await openEchoServer();
  await using town = await openProcessTown();
  await using proxy = await startTcpProxy({ port: town.authorityPort });
  await town.addHttpServer('echo', echo.url);
  await town.permit('permit (principal, action, resource);');
  await town.addAgent('ci-bot');
  const shown = await town.issue('ci-bot');
  const gateway = await town.startGateway('edge', {
    authority: `https://127.0.0.1:${proxy.port}`,
    settings: { 'gateway.stalenessMilliseconds': 3_000 },
  });
  using caller = openCaller(gateway.endpoint('echo'), shown);
  const answered = async (): Promise<boolean> => isAnswered(await caller.call('hi'));
  await until('a first answer', answered);
  // Who can hold packets back and no more than that: everything is authentic, comes every second, and is older every time.
  for (let milliseconds = 1_000; milliseconds <= 7_000; milliseconds += 1_000) {
    proxy.weather = { kind: 'delay', milliseconds };
    await pause(1_000);
  }
  await until('the refusal of a gateway that knows how late it is', async () => {
    const { body } = await caller.call('hi');
    return body.includes('view_stale');
  });
  await town.ask('certificate.revoke', { serial: shown.serial, reason: 'test' });
  const [before, began] = [echo.reached.length, performance.now()];
  while (performance.now() - began < 3_000) assert.equal(await answered(), false);
  assert.equal(echo.reached.length, before, 'nothing reached the server');
  // It goes on by itself when the way is short again, with what it had not heard.
  proxy.weather = { kind: 'clear' };
  await until('the end of the delay', async () =>
    (await caller.call('hi')).body.includes('certificate_revoked'),
  );
});

/** A session with its live stream, as soon as the gateway knows the agent and the policies. */
async function openSession(url: string, shown: Presented): Promise<RawSession> {
  const opened: RawSession[] = [];
  await until('a session', async () => {
    opened.push(
      ...(await openRawSession(url, shown)
        .then((session) => [session])
        .catch(() => [])),
    );
    return opened.length > 0;
  });
  const [session] = opened;
  assert.ok(session);
  return session;
}
