import assert from 'node:assert/strict';
import { chmod, mkdir, readFile, readdir, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { Fault } from '../kernel/fault.ts';
import { startAuthority } from './authority.fixture.ts';
import { answerLegacy, setStage, shiftedClock, type Stage } from './bridge.fixture.ts';
import { type BridgeOptions, startBridge } from './bridge.ts';
import type { RunningBridge } from './open-face.ts';
import { newKey } from './authority-client.ts';
import { createKeyStore } from './key-store.ts';
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

test('U2 a server or a gateway with a certificate of the authority gets no token', async () => {
  for (const as of ['files', 'gateway'] as const) {
    await using stage = await setStage();
    const { port } = stage.gateway;
    await stage.gateway.close();
    stage.gateway = await stage.openGateway(port, as);
    const authority = stage.gateway.url;
    const root = join(stage.folder, 'root.pem');
    await writeFile(root, stage.authority.root);
    const known = { authority, authorityFile: root, joinToken: 'token' };
    await assert.rejects(start(stage, known), fault('gateway_untrusted'));
    assert.equal(stage.seen.length, 0);
  }
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

test('a stored certificate past its end is refused without a token and replaced with one', async () => {
  await using stage = await setStage();
  const client = await stage.connect();
  await client.end();
  const clock = shiftedClock();
  clock.shift(2 * hour);
  stage.authority.refuse = new Fault('certificate_expired', 'It ended too long ago.');
  await assert.rejects(start(stage, { clock }), fault('certificate_expired'));
  await assert.rejects(start(stage, { clock, authority: null }), fault('certificate_expired'));
  stage.authority.life = 20 * hour;
  stage.authority.tokens.set('again', 'ci-bot');
  const bridge = await start(stage, { clock, joinToken: 'again' });
  await bridge[Symbol.asyncDispose]();
  assert.equal(stage.authority.issued.length, 2);
});

test('I6 a stored certificate past its end is renewed at the start while the authority has a grace for it', async () => {
  await using stage = await setStage();
  const client = await stage.connect();
  await client.end();
  const clock = shiftedClock();
  clock.shift(2 * hour);
  stage.authority.life = 20 * hour;
  const bridge = await start(stage, { clock });
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
