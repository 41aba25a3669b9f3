import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from '../../kernel/canonical-json.ts';
import { defaultIsolation } from './isolation.ts';
import { readIsolation } from './read-isolation.ts';

const image = `example/server@sha256:${'0'.repeat(64)}`;

test('S3 what is not said of an isolation is as by default: bubblewrap, no network, nothing shown', () => {
  assert.deepEqual(readIsolation({}), defaultIsolation);
  const read = readIsolation({
    network: true,
    read: ['/srv/a b'],
    limits: { processes: 8 },
    without: ['seccomp'],
  });
  assert.deepEqual(
    [read.by, read.network, read.read, read.without],
    ['bubblewrap', true, ['/srv/a b'], ['seccomp']],
  );
  assert.deepEqual(read.limits, { ...defaultIsolation.limits, processes: 8 });
  assert.equal(readIsolation({ by: 'podman', image }).image, image);
});

test('S3 an isolation with a mistake is refused, with the member that it is in', () => {
  const rows: readonly (readonly [string, Json])[] = [
    ['isolation', 'none'],
    ['isolation.by', { by: 'chroot' }],
    ['isolation.net', { net: true }],
    ['isolation.network', { network: 'host' }],
    ['isolation.read', { read: '/srv' }],
    ...[
      '/',
      'srv',
      '/srv/../etc',
      '/srv/.',
      '//srv',
      '/srv/',
      '/proc',
      '/proc/1/root',
      '/sys/fs',
      '/dev/kmem',
    ].map((path) => ['isolation.write[0]', { write: [path] }] as const),
    ['isolation.limits.memory', { limits: { memory: 1 } }],
    ['isolation.limits.processes', { limits: { processes: 0 } }],
    ['isolation.limits.memoryBytes', { limits: { memoryBytes: 1.5 } }],
    ['isolation.without[0]', { without: ['everything'] }],
    ['isolation.image', { by: 'docker' }],
    ['isolation.image', { by: 'docker', image: 'example/server:latest' }],
    ['isolation.image', { by: 'docker', image: `--privileged@sha256:${'0'.repeat(64)}` }],
    ['isolation.image', { image }],
    ['isolation.digests./srv/a', { digests: { '/srv/a': 'sha256:0' } }],
    ['isolation', { by: 'none', network: true }],
    ['isolation', { by: 'none', read: ['/srv'] }],
    ['isolation', { by: 'none', limits: { processes: 8 } }],
  ];
  for (const [member, json] of rows) {
    assert.throws(
      () => readIsolation(json),
      (error: Error & { code?: string }) =>
        error.code === 'invalid_input' && error.message.startsWith(`The server definition's ${member} `),
      JSON.stringify(json),
    );
  }
});
