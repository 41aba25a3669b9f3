import assert from 'node:assert/strict';
import { test } from 'node:test';
import { enclose, lacking, type LaunchOrder } from './enclose.ts';
import { defaultIsolation, type Isolation } from './isolation.ts';
import type { Machine } from './machine.ts';

const whole: Machine = {
  bubblewrap: '/usr/bin/bwrap',
  prlimit: '/usr/bin/prlimit',
  seccomp: new Uint8Array(8),
  root: false,
  missing: new Map(),
};

const order = (isolation: Partial<Isolation> = {}): LaunchOrder => ({
  name: 'files',
  command: ['env', 'true'],
  directory: null,
  isolation: { ...defaultIsolation, ...isolation },
  environment: { PATH: '/usr/bin:/bin', TOKEN: 'a-secret-value' },
});

test('S3 a wall that cannot be had keeps a server from being started, unless the operator does without it by name', async () => {
  const gaps = new Map([
    ['namespaces', 'bubblewrap (bwrap) is not installed'],
    ['seccomp', 'no filter'],
  ] as const);
  const bare: Machine = { ...whole, bubblewrap: null, missing: gaps };
  await assert.rejects(
    enclose(order(), async () => bare),
    {
      code: 'isolation_unavailable',
      message: /namespaces: bubblewrap \(bwrap\) is not installed; seccomp: no filter.*--without/,
    },
  );
  await assert.rejects(
    enclose(order({ without: ['namespaces'] }), async () => bare),
    {
      code: 'isolation_unavailable',
      message: /\(seccomp: no filter\)/,
    },
  );
  const launch = await enclose(order({ without: ['namespaces', 'seccomp'] }), async () => bare);
  assert.deepEqual(
    [launch.command[0], launch.command.slice(-2), launch.user],
    ['/usr/bin/prlimit', ['env', 'true'], null],
  );
  assert.equal(lacking({ ...defaultIsolation, by: 'none' }, bare), null);
});

test('S3 the walls stand before the command, which is the program itself, with no secret among the words', async () => {
  const launch = await enclose(order({ read: ['/srv/a'], write: ['/srv/b'] }), async () => whole);
  const words = launch.command.join(' ');
  for (const wall of [
    '--unshare-all',
    '--unshare-user',
    '--disable-userns',
    '--die-with-parent',
    '--new-session',
    '--cap-drop ALL',
    '--remount-ro /',
    '--ro-bind /srv/a /srv/a',
    '--bind /srv/b /srv/b',
    '--seccomp 3',
    '--nproc=256',
  ]) {
    assert.ok(words.includes(wall), wall);
  }
  assert.doesNotMatch(words, /--share-net|--bind \/ |a-secret-value|\/etc\/shadow|\/root|--dev-bind/);
  assert.match(words, / -- \/usr\/bin\/env true$/);
  assert.deepEqual(
    [launch.environment['HOME'], launch.environment['TOKEN']],
    ['/home/server', 'a-secret-value'],
  );
  assert.ok((await enclose(order({ network: true }), async () => whole)).command.includes('--share-net'));
});

test('S3 programs are looked for where the server sees something, and nowhere else', async () => {
  const environment = { PATH: '/home/ada/bin:/opt/node/bin:/usr/bin:/bin' };
  const launch = await enclose({ ...order({ read: ['/opt/node'] }), environment }, async () => whole);
  assert.equal(launch.environment['PATH'], '/opt/node/bin:/usr/bin:/bin:/usr/local/bin');
});

test('S3 where the gateway is root, each server is a user of its own', async () => {
  const users = await Promise.all(
    ['files', 'git', 'files'].map(
      async (name) => (await enclose({ ...order(), name }, async () => ({ ...whole, root: true }))).user,
    ),
  );
  assert.ok(users.every((user) => user !== null && user >= 61_184 && user <= 65_519));
  assert.equal(users[0], users[2]);
  assert.notEqual(users[0], users[1]);
});

test('S3 a container has the same walls, its image by digest, and variables by name alone', async () => {
  const image = `example/server@sha256:${'0'.repeat(64)}`;
  const { command, environment } = await enclose(
    order({ by: 'podman', image, read: ['/srv/a'], write: ['/srv/b'] }),
    async () => whole,
  );
  assert.deepEqual(command.slice(-3), [image, 'env', 'true']);
  for (const word of [
    '--network=none',
    '--read-only',
    '--cap-drop=ALL',
    '--security-opt=no-new-privileges',
    '--pull=never',
    '--pids-limit=256',
    '--memory=2147483648',
    '--env=TOKEN',
    '--mount=type=bind,source=/srv/a,target=/srv/a,readonly',
    '--mount=type=bind,source=/srv/b,target=/srv/b',
  ]) {
    assert.ok(command.includes(word), word);
  }
  assert.doesNotMatch(command.join(' '), /a-secret-value|--privileged/);
  assert.equal(environment['TOKEN'], 'a-secret-value');
});

test('S3 a program that is not there is said so, and a changed one is not started', async () => {
  await assert.rejects(
    enclose({ ...order(), command: ['no-such-program'] }, async () => whole),
    {
      code: 'upstream_unreachable',
      message: /no program no-such-program on the PATH/,
    },
  );
  const digests = { '/usr/bin/env': `sha256:${'0'.repeat(64)}` };
  for (const by of ['bubblewrap', 'none'] as const) {
    await assert.rejects(
      enclose(order({ by, digests }), async () => whole),
      { code: 'program_changed' },
    );
  }
});
