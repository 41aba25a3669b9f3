import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { roomierOptions } from './roomy-heap.ts';

test('A2 the programs that carry calls start with a roomier young generation, and keep what they were started with', () => {
  const started = { options: ['--trace-warnings'], environmentOptions: undefined };
  for (const word of ['up', 'gateway']) {
    assert.deepEqual(roomierOptions({ words: [word, '--json'], ...started }), [
      '--trace-warnings',
      '--min-semi-space-size=64',
      '--max-semi-space-size=64',
    ]);
  }
  for (const words of [['bridge'], ['agent', 'list'], []])
    assert.equal(roomierOptions({ words, ...started }), null);
});

test('U2 a passphrase that comes by descriptor is still read', () => {
  const started = { options: [], environmentOptions: undefined };
  for (const words of [
    ['up', '--passphrase-fd', '3'],
    ['gateway', '--passphrase-fd=3'],
    ['up', '--passphrase-file', '/dev/fd/63'],
    ['up', '--passphrase-file=/proc/self/fd/63'],
  ])
    assert.equal(roomierOptions({ words, ...started }), null);
});

test('A2 whoever chose the size of the young generation is left alone', () => {
  const words = ['up'];
  for (const options of [['--max-semi-space-size=16'], ['--min_semi_space_size=16']])
    assert.equal(roomierOptions({ words, options, environmentOptions: '' }), null);
  const environmentOptions = '--max-semi-space-size=32';
  assert.equal(roomierOptions({ words, options: [], environmentOptions }), null);
});

test('U2 the launcher passes words, exit code and process on', () => {
  const launcher = join(import.meta.dirname, 'launch.ts');
  const ran = spawnSync(process.execPath, [launcher, 'up', '--no-such-flag'], { encoding: 'utf8' });
  assert.equal(ran.status, 2);
  assert.match(ran.stderr, /--no-such-flag/);
  assert.doesNotMatch(ran.stderr, /Warning/);
});
