import assert from 'node:assert/strict';
import { chmod, mkdir, readFile, readdir, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { systemClock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import { startAuthority } from './authority.fixture.ts';
import { answerLegacy, quick, setStage, shiftedClock, type Stage, until } from './bridge.fixture.ts';
import { type BridgeOptions, type RunningBridge, startBridge } from './bridge.ts';
import { newKey } from './authority-client.ts';
import { pause } from './back-off.ts';
import { createKeyStore } from './key-store.ts';
import { defaultBridgeLimits } from './limits.ts';
import { renewOnce } from './renew.ts';
import { renewalMoment } from './renewal-moment.ts';
import { statePlace } from './state-place.ts';

const hour = 3_600_000;
const fault = (code: string) => ({ name: 'Fault', code });

function start(stage: Stage, more: Partial<BridgeOptions> = {}): Promise<RunningBridge> {
  const face = { kind: 'stdio', input: new PassThrough(), output: new PassThrough() } as const;
  return startBridge(stage.options({ face, ...more }));
}

test('U2 the first start enrols with a token, the second needs none, and only the owner can read the files', async () => {
  await using stage = await setStage();
  stage.authority.tokens.set('once', 'ci-bot');
  const first = await start(stage, { joinToken: 'once' });
  await first[Symbol.asyncDispose]();
  assert.equal(await first.ended, 0);
  const second = await start(stage, { rootFingerprint: null });
  await second[Symbol.asyncDispose]();
  assert.equal(stage.authority.issued.length, 1);
  const folder = join(stage.folder, 'state');
  assert.equal((await stat(folder)).mode & 0o777, 0o700);
  assert.deepEqual((await readdir(folder)).sort(), ['certificate.pem', 'key.pem', 'root.pem']);
  for (const name of await readdir(folder)) {
    assert.equal((await stat(join(folder, name))).mode & 0o777, 0o600, name);
  }
  assert.equal(await readFile(join(folder, 'root.pem'), 'utf8'), stage.authority.root);
});

test('U2 without certificate and token the bridge says so and nothing is made', async () => {
  await using stage = await setStage();
  await assert.rejects(start(stage), fault('enrolment_needed'));
  assert.deepEqual(await readdir(stage.folder), []);
});

test('U2 a root of another fingerprint is not trusted, and the token is not shown to it', async () => {
  await using stage = await setStage();
  stage.authority.tokens.set('once', 'ci-bot');
  const wrong = `sha256:${'0'.repeat(64)}`;
  await assert.rejects(
    start(stage, { joinToken: 'once', rootFingerprint: wrong }),
    fault('gateway_untrusted'),
  );
  await assert.rejects(
    start(stage, { joinToken: 'once', rootFingerprint: 'sha256:12' }),
    fault('invalid_input'),
  );
  await assert.rejects(start(stage, { joinToken: 'once', rootFingerprint: null }), fault('enrolment_needed'));
  assert.ok(stage.authority.tokens.has('once'));
});

test('U2 an authority that is not of the given root gets no token', async () => {
  await using stage = await setStage();
  await using other = await startAuthority();
  other.tokens.set('once', 'ci-bot');
  const roots = join(stage.folder, 'roots.pem');
  await writeFile(roots, stage.authority.root);
  await assert.rejects(
    start(stage, { joinToken: 'once', authority: other.url, authorityFile: roots }),
    fault('gateway_untrusted'),
  );
  assert.ok(other.tokens.has('once'));
});

test('U2 a token that is refused, or is for another agent, is told with the reason', async () => {
  await using stage = await setStage();
  await assert.rejects(start(stage, { joinToken: 'never-made' }), fault('join_token_invalid'));
  stage.authority.tokens.set('theirs', 'other-bot');
  await assert.rejects(start(stage, { joinToken: 'theirs' }), fault('certificate_profile'));
  await assert.rejects(start(stage), fault('enrolment_needed'));
});

test('U2 a certificate for another key, or without the way to the root, is not stored', async () => {
  await using stage = await setStage();
  const { authority } = stage;
  const begin = (): Promise<RunningBridge> => {
    authority.tokens.set('once', 'ci-bot');
    return start(stage, { joinToken: 'once' });
  };
  const { certificate } = authority.agent('ci-bot');
  authority.spoil = () => certificate;
  await assert.rejects(begin(), fault('certificate_profile'));
  authority.spoil = (chain) => chain.slice(0, chain.indexOf('-----BEGIN', 1));
  await assert.rejects(begin(), fault('gateway_untrusted'));
  assert.ok(!(await readdir(join(stage.folder, 'state'))).includes('certificate.pem'));
});

test('U2 of two bridges that start at once one enrols and both run', async () => {
  await using stage = await setStage();
  stage.authority.tokens.set('once', 'ci-bot');
  const both = await Promise.all([start(stage, { joinToken: 'once' }), start(stage, { joinToken: 'once' })]);
  for (const bridge of both) await bridge[Symbol.asyncDispose]();
  assert.equal(stage.authority.issued.length, 1);
});

test('U2 certificate, key and root of the environment are used as they are, and again when they change', async () => {
  await using stage = await setStage();
  const place = (name: string): string => join(stage.folder, name);
  const put = async (): Promise<void> => {
    const { certificate, key } = stage.authority.agent('ci-bot');
    await writeFile(place('c.pem'), certificate);
    await writeFile(place('k.pem'), key, { mode: 0o600 });
  };
  await put();
  await writeFile(place('r.pem'), stage.authority.root);
  const environment = {
    MCP_CLIENT_CERT: place('c.pem'),
    MCP_CLIENT_KEY: place('k.pem'),
    MCP_CA_CERT: place('r.pem'),
  };
  const client = await stage.connect({ environment, agent: null, stateFolder: null, authority: null });
  const shown: (string | null)[] = [];
  stage.answer = async (seen) => {
    const der = seen.exchange.connection.certificate;
    shown.push(der ? Buffer.from(der).toString('base64') : null);
    await answerLegacy(seen);
  };
  client.send({ id: 1, method: 'tools/list' });
  await client.answerTo(1);
  await put();
  client.send({ id: 2, method: 'tools/list' });
  await client.answerTo(2);
  const expected = stage.authority.issued.map(({ der }) => Buffer.from(der).toString('base64'));
  assert.deepEqual(shown, expected);
  assert.ok(stage.authority.tokens.has('token'));
});

test('U2 a key of the environment that others can read is refused, and so is one of another certificate', async () => {
  await using stage = await setStage();
  const [mine, other] = [stage.authority.agent('ci-bot'), stage.authority.agent('ci-bot')];
  const certificate = join(stage.folder, 'c.pem');
  const key = join(stage.folder, 'k.pem');
  await writeFile(certificate, mine.certificate);
  await writeFile(key, other.key, { mode: 0o600 });
  const environment = { MCP_CLIENT_CERT: certificate, MCP_CLIENT_KEY: key };
  await assert.rejects(start(stage, { environment }), fault('conflict'));
  await chmod(key, 0o644);
  await assert.rejects(start(stage, { environment }), fault('file_mode'));
  await assert.rejects(
    start(stage, { environment: { MCP_CLIENT_CERT: certificate } }),
    fault('config_invalid'),
  );
});

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
  assert.deepEqual((await readdir(store.folder)).sort(), ['certificate.pem', 'key.pem', 'root.pem']);
});

test('I4 a renewal that fails is tried again, and the end of the certificate is said once', async () => {
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
  clock.shift(hour);
  await until(() => stage.log.some((line) => line.includes('could not be renewed')));
  const after = tries;
  const { reads } = clock;
  await until(() => clock.reads > reads + 10);
  assert.equal(stage.log.filter((line) => line.includes('could not be renewed')).length, 1);
  assert.ok(tries - after <= 1);
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

test('a stored certificate past its end is refused without a token and replaced with one', async () => {
  await using stage = await setStage();
  const client = await stage.connect();
  await client.end();
  const clock = shiftedClock();
  clock.shift(2 * hour);
  await assert.rejects(start(stage, { clock }), fault('certificate_expired'));
  stage.authority.life = 20 * hour;
  stage.authority.tokens.set('again', 'ci-bot');
  const bridge = await start(stage, { clock, joinToken: 'again' });
  await bridge[Symbol.asyncDispose]();
  assert.equal(stage.authority.issued.length, 2);
});

test('a power cut between the new certificate and the name of its key loses neither', async () => {
  await using stage = await setStage();
  const folder = join(stage.folder, 'torn');
  const store = createKeyStore(folder, shiftedClock());
  const [old, fresh] = [stage.authority.agent('ci-bot'), stage.authority.agent('ci-bot')];
  await store.prepare(old.key);
  await store.commit(old.certificate, stage.authority.root);
  await store.prepare(fresh.key);
  assert.equal((await store.load())?.key, old.key);
  await writeFile(join(folder, 'certificate.pem'), fresh.certificate, { mode: 0o600 });
  assert.equal((await store.load())?.key, fresh.key);
  {
    await using _lock = await store.lock();
    await store.prepare(newKey());
  }
  assert.equal((await store.load())?.key, fresh.key);
});

test('a key that is gone, or lies open, is told apart from no identity at all', async () => {
  await using stage = await setStage();
  const client = await stage.connect();
  await client.end();
  const key = join(stage.folder, 'state', 'key.pem');
  await chmod(key, 0o640);
  await assert.rejects(start(stage), fault('file_mode'));
  await chmod(key, 0o600);
  await rename(key, join(stage.folder, 'elsewhere'));
  await assert.rejects(start(stage), fault('state_damaged'));
});

test('a folder of another agent is not used', async () => {
  await using stage = await setStage();
  const client = await stage.connect();
  await client.end();
  await assert.rejects(start(stage, { agent: 'other-bot' }), fault('conflict'));
});

test('the renewal moment is the one the authority reckons: in the window, the same at every start', () => {
  const leaf = { serial: '11aa22bb33cc44dd', notBefore: 1_000_000, notAfter: 1_000_000 + hour };
  assert.equal(renewalMoment(leaf), 3_028_330);
  assert.equal(renewalMoment({ ...leaf, notAfter: 1_000_000 + 24 * 20 * hour }), 1_262_598_677);
});

test('the lock of a bridge that is gone is taken over', async () => {
  await using stage = await setStage();
  const folder = join(stage.folder, 'state');
  await mkdir(folder, { mode: 0o700 });
  await writeFile(join(folder, 'lock'), '999999999');
  const client = await stage.connect();
  await client.end();
  assert.equal(stage.authority.issued.length, 1);
});

test('a gateway is reached over https alone', async () => {
  await using stage = await setStage();
  for (const gateway of ['http://127.0.0.1:1/mcp/x', 'gateway', 'https://user:word@127.0.0.1/']) {
    await assert.rejects(start(stage, { gateway }), fault('invalid_input'));
  }
});

test('the per-user place is the one of the system, apart for each authority and agent', () => {
  const gateway = 'https://gateway.example.internal:8443/mcp/files';
  const question = {
    stateFolder: null,
    agent: 'ci-bot',
    authority: null,
    gateway,
    environment: { HOME: '/home/a' },
  };
  const folder = 'countersign/gateway.example.internal_8443/ci-bot';
  assert.equal(statePlace(question, 'linux'), `/home/a/.local/state/${folder}`);
  assert.equal(statePlace(question, 'darwin'), `/home/a/Library/Application Support/${folder}`);
  const moved = { ...question, environment: { HOME: '/home/a', XDG_STATE_HOME: '/state' } };
  assert.equal(statePlace(moved, 'linux'), `/state/${folder}`);
  const relative = { ...question, environment: { HOME: '/home/a', XDG_STATE_HOME: 'state' } };
  assert.equal(statePlace(relative, 'linux'), `/home/a/.local/state/${folder}`);
  const withAuthority = { ...question, authority: 'https://authority.example.internal' };
  assert.equal(
    statePlace(withAuthority, 'linux'),
    '/home/a/.local/state/countersign/authority.example.internal_443/ci-bot',
  );
  assert.equal(statePlace({ ...question, agent: null, stateFolder: '/x' }, 'linux'), '/x');
  assert.throws(() => statePlace({ ...question, agent: null }, 'linux'), fault('usage'));
  assert.throws(() => statePlace({ ...question, agent: '../other' }, 'linux'), fault('invalid_input'));
});
