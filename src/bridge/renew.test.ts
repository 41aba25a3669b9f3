import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import { answerLegacy, quick, setStage, shiftedClock, until } from './bridge.fixture.ts';
import { pause } from './back-off.ts';
import { createKeyStore } from './key-store.ts';
import { defaultBridgeLimits } from './limits.ts';
import { renewOnce } from './renew.ts';
import { renewalMoment } from './renewal-moment.ts';

const hour = 3_600_000;

test('I4 in its window the certificate is renewed with a new key, and a call in flight ends on the old one', async () => {
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const shown: string[] = [];
  await using stage = await setStage(async (seen) => {
    const der = Buffer.from(seen.exchange.connection.certificate ?? []).toString('base64');
    shown.push(der);
    if (seen.message['id'] === 'slow') await held;
    await answerLegacy(seen);
  });
  const clock = shiftedClock();
  const client = await stage.connect({ clock });
  client.send({ id: 'slow', method: 'tools/list' });
  await until(() => shown.length === 1);
  const { issued } = stage.authority;
  const [first] = issued;
  assert.ok(first);
  stage.authority.life = 20 * hour;
  clock.shift(renewalMoment(first) - clock.now() + 1);
  const store = createKeyStore(join(stage.folder, 'state'), clock);
  while ((await store.load())?.leaf.serial === first.serial) await pause(5, new AbortController().signal);
  client.send({ id: 'quick', method: 'tools/list' });
  await client.answerTo('quick');
  release();
  assert.ok((await client.answerTo('slow'))['result']);
  assert.notEqual(shown[1], shown[0]);
  assert.notDeepEqual(issued[0]?.spki, issued[1]?.spki);
  assert.equal(issued.length, 2);
  // The renewal is over when it has let go of its lock.
  await (await store.lock())[Symbol.asyncDispose]();
  assert.deepEqual((await readdir(store.folder)).sort(), ['certificate.pem', 'key.pem', 'root.pem']);
});

test('I4 a renewal that fails is tried again, and that the certificate has ended for good is said once', async () => {
  await using stage = await setStage();
  const clock = shiftedClock();
  let tries = 0;
  stage.authority.refuse = new Fault('unavailable', 'The authority is being restored.');
  stage.authority.beforeRenewal = async () => {
    tries++;
  };
  await stage.connect({ clock, limits: { ...quick, backOffMilliseconds: 1, longestBackOffMilliseconds: 1 } });
  const [first] = stage.authority.issued;
  assert.ok(first);
  clock.shift(renewalMoment(first) - clock.now() + 1);
  await until(() => tries >= 3);
  assert.ok(stage.log.some((line) => line.includes('The authority is being restored.')));
  stage.authority.refuse = new Fault('certificate_expired', 'It ended too long ago.');
  clock.shift(hour);
  const ended = (): number => stage.log.filter((line) => line.includes('Ask for a new join token')).length;
  await until(() => ended() > 0);
  const after = tries;
  const { reads } = clock;
  await until(() => clock.reads > reads + 10);
  assert.equal(ended(), 1);
  assert.ok(tries - after <= 1);
});

test('I6 a certificate that has ended is renewed while the bridge runs, as long as the authority has a grace for it', async () => {
  await using stage = await setStage();
  const clock = shiftedClock();
  stage.authority.refuse = new Fault('unavailable', 'The authority is being restored.');
  const client = await stage.connect({ clock, limits: { ...quick, longestBackOffMilliseconds: 1 } });
  clock.shift(2 * hour);
  await until(() => stage.log.some((line) => line.includes('The authority is being restored.')));
  stage.authority.life = 20 * hour;
  stage.authority.refuse = null;
  const store = createKeyStore(join(stage.folder, 'state'), clock);
  const [first] = stage.authority.issued;
  while ((await store.load())?.leaf.serial === first?.serial) await pause(5, new AbortController().signal);
  client.send({ id: 1, method: 'tools/list' });
  await client.answerTo(1);
  assert.equal(stage.authority.issued.length, 2);
});

test('I4 of two bridges that renew at once one gets a certificate', async () => {
  await using stage = await setStage();
  const first = await stage.connect();
  await first.end();
  const store = createKeyStore(join(stage.folder, 'state'), systemClock);
  const current = await store.load();
  assert.ok(current);
  const identity = { store, current: async () => current, refresh: () => undefined };
  const { authority, clock, log } = stage.options();
  const limits = { ...defaultBridgeLimits, ...quick };
  const renewal = { identity, store, authority: authority ?? '', fixedRoots: false, clock, limits, log };
  const { signal } = new AbortController();
  await Promise.all([renewOnce(renewal, current, signal), renewOnce(renewal, current, signal)]);
  assert.equal(stage.authority.issued.length, 2);
  assert.equal((await store.load())?.leaf.serial, stage.authority.issued[1]?.serial);
});

test('I4 a bridge that is told to end does not wait for a renewal under way', async () => {
  await using stage = await setStage();
  const clock = shiftedClock();
  let asked = false;
  let release = (): void => undefined;
  stage.authority.beforeRenewal = () => {
    asked = true;
    return new Promise<void>((resolve) => {
      release = resolve;
    });
  };
  const client = await stage.connect({ clock });
  const [first] = stage.authority.issued;
  assert.ok(first);
  clock.shift(renewalMoment(first) - clock.now() + 1);
  await until(() => asked);
  assert.equal(await client.end(), 0);
  release();
  assert.ok(!(await readdir(join(stage.folder, 'state'))).includes('lock'));
});

test('I4 a bridge takes over what another bridge of the agent has renewed', async () => {
  const shown: string[] = [];
  await using stage = await setStage(async (seen) => {
    shown.push(Buffer.from(seen.exchange.connection.certificate ?? []).toString('base64'));
    await answerLegacy(seen);
  });
  const client = await stage.connect();
  const store = createKeyStore(join(stage.folder, 'state'), shiftedClock());
  const { certificate, key } = stage.authority.agent('ci-bot');
  await store.prepare(key);
  await store.commit(certificate, stage.authority.root);
  client.send({ id: 1, method: 'tools/list' });
  await client.answerTo(1);
  assert.deepEqual(shown, [Buffer.from(stage.authority.issued[1]?.der ?? []).toString('base64')]);
});

test('the renewal moment is the one the authority reckons: in the window, the same at every start', () => {
  const leaf = { serial: '11aa22bb33cc44dd', notBefore: 1_000_000, notAfter: 1_000_000 + hour };
  assert.equal(renewalMoment(leaf), 3_028_330);
  assert.equal(renewalMoment({ ...leaf, notAfter: 1_000_000 + 24 * 20 * hour }), 1_262_598_677);
});
