import assert from 'node:assert/strict';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { isAnswered, openCaller } from './kit/caller.ts';
import { openEchoServer } from './kit/echo-server.ts';
import { openProcessTown } from './kit/process-town.ts';
import { startTcpProxy, type Weather } from './kit/tcp-proxy.ts';
import { pause, until } from './kit/until.ts';

test('I9 an authority that comes back with an older registry gets nobody in again whom its gateways refuse', {
  timeout: 120_000,
}, async () => {
  await using echo = await openEchoServer();
  await using town = await openProcessTown();
  await town.addHttpServer('echo', echo.url);
  await town.permit('permit (principal, action, resource);');
  for (const name of ['stays', 'goes', 'rests']) await town.addAgent(name);
  const [stays, goes] = [await town.issue('stays'), await town.issue('goes')];
  const rests = await town.issue('rests');
  const gateway = await town.startGateway('edge');
  using stayer = openCaller(gateway.endpoint('echo'), stays);
  using goer = openCaller(gateway.endpoint('echo'), goes);
  using rester = openCaller(gateway.endpoint('echo'), rests);
  const answered = async (caller: typeof goer): Promise<boolean> => isAnswered(await caller.call('hi'));
  for (const caller of [stayer, goer, rester]) await until('a first answer', () => answered(caller));

  await town.authority.stop();
  const old = join(town.root, 'old');
  await cp(town.data.folder, old, { recursive: true });
  await town.again();
  await until('the feed', () => answered(stayer));
  await town.ask('certificate.revoke', { serial: goes.serial, reason: 'test' });
  await town.ask('agent.suspend', { name: 'rests', reason: 'test' });
  for (const caller of [goer, rester]) await until('a refusal', async () => !(await answered(caller)));

  // Somebody puts the disk of before back, without `restore`, which would say so.
  await town.authority.kill();
  await rm(town.data.folder, { recursive: true });
  await cp(old, town.data.folder, { recursive: true });
  await town.again();
  // Until it hears of it, it goes on with what it heard before.
  await until('word of the older registry', async () => /older registry/.test(gateway.process.said()));
  await until('the feed', () => answered(stayer));
  const reached = echo.reached.length;
  for (let at = 0; at < 50; at += 1) {
    assert.equal(await answered(goer), false);
    assert.equal(await answered(rester), false);
  }
  assert.equal(echo.reached.length, reached, 'nothing reached the server');
});

/** What may become of the octets of a feed, so that nothing can be heard. */
const weathers: readonly Weather[] = [
  { kind: 'half-open' },
  { kind: 'garbage' },
  { kind: 'cut', after: 1 },
  { kind: 'black-hole' },
];

test('I7 whatever becomes of the octets of its feed, a gateway refuses after the staleness limit and heals by itself', {
  timeout: 180_000,
}, async (context) => {
  await using echo = await openEchoServer();
  await using town = await openProcessTown();
  await using proxy = await startTcpProxy({ port: town.authorityPort });
  await town.addHttpServer('echo', echo.url);
  await town.permit('permit (principal, action, resource);');
  await town.addAgent('ci-bot');
  const shown = await town.issue('ci-bot');
  const gateway = await town.startGateway('edge', {
    authority: `https://127.0.0.1:${proxy.port}`,
    settings: { 'gateway.stalenessMilliseconds': 2_500 },
  });
  using caller = openCaller(gateway.endpoint('echo'), shown);
  const answer = async (): Promise<string> => {
    const given = await caller.call('hi');
    return isAnswered(given) ? 'answered' : given.body;
  };
  await until('a first answer', async () => (await answer()) === 'answered');
  for (const weather of weathers) {
    proxy.weather = weather;
    await until(`the refusal with ${weather.kind}`, async () => (await answer()).includes('view_stale'));
    const reached = echo.reached.length;
    await pause(300);
    assert.match(await answer(), /view_stale/);
    assert.equal(echo.reached.length, reached);
    proxy.weather = { kind: 'clear' };
    const began = performance.now();
    await until('healing', async () => (await answer()) === 'answered');
    context.diagnostic(
      `${weather.kind}: answers ${(performance.now() - began).toFixed(0)} ms after it was over`,
    );
  }
});
