import assert from 'node:assert/strict';
import { once } from 'node:events';
import { access, chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Json, JsonObject } from '../../src/kernel/canonical-json.ts';
import { openTown, type Town } from '../journeys/deployment.ts';
import { legacyClient, mutualFetch, textOf } from '../journeys/mcp-clients.ts';
import { hostileServer } from './hostile-server.ts';

/**
 * A hostile stdio server behind a real gateway, within real walls. Each attack is tried by the same server without walls
 * first, where that harms nobody, so that a refusal is known to be the wall's.
 */
let town: Town;
let open: Awaited<ReturnType<typeof legacyClient>>;
let walled: Awaited<ReturnType<typeof legacyClient>>;
let granted: string;
let shown: string;
const opened = new AsyncDisposableStack();
const listener = createServer((socket) => socket.end()).listen(0, '127.0.0.1');

async function attack(by: typeof open, name: string, given: JsonObject = {}): Promise<Json> {
  return JSON.parse(textOf(await by.callTool({ name, arguments: given }))) as Json;
}

/** What an attack got, as text. */
async function told(...given: Parameters<typeof attack>): Promise<string> {
  const got = await attack(...given);
  return typeof got === 'string' ? got : JSON.stringify(got);
}

async function client(server: string): Promise<typeof open> {
  const fetch = opened.use(mutualFetch(await town.issue('ci-bot')));
  return opened.adopt(await legacyClient(town.endpoint(server), fetch), (one) => one.close());
}

before(async () => {
  await once(listener, 'listening');
  town = opened.use(await openTown());
  await town.permit('permit (principal, action, resource);');
  await town.addAgent('ci-bot');
  // What is granted has to be within reach of the user that the server is.
  const place = await mkdtemp(join(tmpdir(), 'countersign-walls-'));
  opened.defer(() => rm(place, { recursive: true }));
  await chmod(place, 0o755);
  granted = join(place, 'granted');
  shown = join(place, 'shown');
  await mkdir(granted);
  await chmod(granted, 0o777);
  await mkdir(shown);
  await writeFile(join(shown, 'a.txt'), 'shown');
  await town.addServer({
    name: 'open',
    transport: 'stdio',
    command: [...hostileServer],
    isolation: { by: 'none' },
  });
  await town.addServer({
    name: 'walled',
    transport: 'stdio',
    command: [...hostileServer],
    environment: { DECLARED: 'yes' },
    isolation: {
      read: [shown],
      limits: { processes: 40, memoryBytes: 256 * 1_024 ** 2, fileBytes: 8 * 1_024 ** 2 },
    },
  });
  open = await client('open');
  walled = await client('walled');
});

after(async () => {
  listener.close();
  await opened.disposeAsync();
});

test('S3 an isolated server cannot read the home directory, the state of Countersign or the secrets of the machine', async () => {
  const paths = [
    homedir(),
    town.data.folder,
    join(town.data.folder, '..'),
    '/etc/shadow',
    '/root',
    '/var',
    '/run',
    '/srv',
    '/sys',
  ];
  for (const path of paths) {
    assert.match(await told(walled, 'read', { path }), /^refused: (ENOENT|EACCES)$/, path);
  }
  assert.ok(Array.isArray(await attack(open, 'read', { path: town.data.folder })), 'without walls it can');
  assert.deepEqual(await attack(walled, 'read', { path: '/home' }), ['server']);
});

test('S3 it sees what it was granted, and changes none of it; the root cannot be written', async () => {
  assert.equal(await attack(walled, 'read', { path: join(shown, 'a.txt') }), 'shown');
  for (const path of [join(shown, 'a.txt'), join(shown, 'b.txt'), '/usr/bin/x', '/x', '/etc/passwd']) {
    assert.match(await told(walled, 'write', { path }), /^refused: (EROFS|EACCES|EPERM)$/, path);
  }
  assert.equal(await readFile(join(shown, 'a.txt'), 'utf8'), 'shown');
  assert.equal(await attack(walled, 'write', { path: '/tmp/mine' }), 'written');
  await assert.rejects(access('/tmp/mine'), 'its /tmp is its own');
});

test('S3 it has no network: neither this machine nor any other', async () => {
  const { port } = listener.address() as AddressInfo;
  assert.equal(await attack(open, 'connect', { host: '127.0.0.1', port }), 'connected');
  assert.match(await told(walled, 'connect', { host: '127.0.0.1', port }), /^refused: ECONNREFUSED$/);
  assert.match(await told(walled, 'connect', { host: '192.0.2.1', port: 80 }), /^refused: ENETUNREACH$/);
});

test('S3 it traces nobody, makes no namespace and mounts nothing (seccomp)', async () => {
  for (const name of ['ptrace', 'unshare', 'mount'])
    assert.equal(await attack(walled, name), 'refused: EPERM', name);
});

test('S3 it sees and ends no process but its own, and has no privilege', async () => {
  assert.ok(Number(await attack(walled, 'processes')) <= 3);
  assert.ok(Number(await attack(open, 'processes')) > 3);
  assert.match(await told(walled, 'kill', { pid: process.pid }), /^refused: ESRCH$/);
  assert.deepEqual(await attack(walled, 'privileges'), [65_534, ['0000000000000000', '1']]);
});

test('S3 its environment holds what was declared, and nothing of the gateway', async () => {
  const seen = (await attack(walled, 'environment')) as JsonObject;
  const names = Object.keys(seen).filter((name) => !['LANG', 'LC_CTYPE', 'PWD'].includes(name));
  assert.deepEqual(names.sort(), ['DECLARED', 'HOME', 'PATH']);
  assert.equal(seen['HOME'], '/home/server');
});

test('S3 it cannot take the memory, the disk or the processes of the machine', async () => {
  assert.equal(await attack(walled, 'hoard', { octets: 1_024 ** 3 }), 'refused: MemoryError');
  assert.match(await told(open, 'hoard', { octets: 512 * 1_024 ** 2 }), /^held /);
  assert.notEqual(await attack(walled, 'fill', { path: '/tmp/full', mebibytes: 32 }), 0);
  const bombed = await told(walled, 'bomb');
  assert.match(bombed, /^refused: EAGAIN after \d+$/);
  assert.ok(Number(/\d+$/.exec(bombed)?.[0]) <= 40, bombed);
});

test('S3 a server that may write writes where it was granted, and nowhere else', async () => {
  await town.addServer({
    name: 'writer',
    transport: 'stdio',
    command: [...hostileServer],
    isolation: { write: [granted], network: true },
  });
  const writer = await client('writer');
  assert.equal(await attack(writer, 'write', { path: join(granted, 'a') }), 'written');
  assert.equal(await readFile(join(granted, 'a'), 'utf8'), 'was here');
  // Beside it there is its own /tmp, and nobody else sees what is written there.
  await attack(writer, 'write', { path: join(granted, '..', 'b') });
  await assert.rejects(access(join(granted, '..', 'b')));
  const { port } = listener.address() as AddressInfo;
  assert.equal(await attack(writer, 'connect', { host: '127.0.0.1', port }), 'connected');
});
