import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Caller, isAnswered, openCaller } from './kit/caller.ts';
import { openEchoServer } from './kit/echo-server.ts';
import { openLinks } from './kit/links.ts';
import { openProcessTown } from './kit/process-town.ts';
import { until } from './kit/until.ts';

const settings = { 'gateway.stalenessMilliseconds': 2_000 };

test('I7 a gateway cut off from its authority refuses after the staleness limit, a revocation made meanwhile included, and heals by itself', {
  timeout: 180_000,
}, async (context) => {
  await using echo = await openEchoServer();
  await using network = await openLinks(2);
  context.diagnostic(`the network is made of ${network.kind}`);
  const { within, addresses, quiet: reached } = network;
  await using town = await openProcessTown({ within, addresses, reached });
  await town.addHttpServer('echo', echo.url);
  await town.permit('permit (principal, action, resource);');
  for (const name of ['stays', 'goes']) await town.addAgent(name);
  const [stays, goes] = [await town.issue('stays'), await town.issue('goes')];
  const gateways = [];
  for (const [at, link] of network.links.entries()) {
    const authority = await network.urlOf(link, town.authorityPort);
    gateways.push(await town.startGateway(`edge-${at}`, { authority, settings }));
  }
  const [cut, whole] = gateways;
  const [link] = network.links;
  assert.ok(cut && whole && link);
  using staysAtCut = openCaller(cut.endpoint('echo'), stays);
  using goesAtCut = openCaller(cut.endpoint('echo'), goes);
  using goesAtWhole = openCaller(whole.endpoint('echo'), goes);
  for (const caller of [staysAtCut, goesAtCut, goesAtWhole]) {
    await until('a first answer', () => answered(caller));
  }

  link.partition();
  const revoked = town.ask('certificate.revoke', { serial: goes.serial, reason: 'test' });
  await revoked;
  const began = performance.now();
  await until('the refusal where it was heard', async () => !(await answered(goesAtWhole)));
  await until('the refusal where nothing is heard', async () => {
    const { body } = await goesAtCut.call('late');
    return body.includes('view_stale');
  });
  context.diagnostic(`cut off: refuses after ${(performance.now() - began).toFixed(0)} ms`);
  const reachedBefore = echo.reached.length;
  for (let at = 0; at < 20; at += 1) {
    assert.equal(await answered(goesAtCut), false);
    assert.equal(await answered(staysAtCut), false);
  }
  assert.equal(echo.reached.length, reachedBefore, 'nothing reached the server');

  link.heal();
  const healed = performance.now();
  await until('healing', () => answered(staysAtCut));
  context.diagnostic(`healed: answers after ${(performance.now() - healed).toFixed(0)} ms`);
  assert.equal(await answered(goesAtCut), false, 'the revocation of the time apart is known');
  // A link that loses one packet in five is slow, and nothing else.
  if (link.lose) {
    link.lose(20);
    await town.addAgent('comes');
    const comes = await town.issue('comes');
    using comesAtCut = openCaller(cut.endpoint('echo'), comes);
    await until('news over a bad link', () => answered(comesAtCut));
    await town.ask('certificate.revoke', { serial: comes.serial, reason: 'test' });
    await until('a revocation over a bad link', async () => !(await answered(comesAtCut)));
  }
});

async function answered(caller: Caller): Promise<boolean> {
  return isAnswered(await caller.call('hi'));
}
