import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { demandDigests, digestOf } from './digest-of-files.ts';

async function folder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'countersign-'));
  await mkdir(join(path, 'lib'));
  await writeFile(join(path, 'server.js'), 'one');
  await writeFile(join(path, 'lib', 'part.js'), 'two');
  await symlink('server.js', join(path, 'bin'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

test('S3 a server is started from what was pinned, and from nothing else', async () => {
  await using place = await folder();
  const digest = await digestOf(place.path);
  await demandDigests('files', { [place.path]: digest });
  const changes: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['content', () => writeFile(join(place.path, 'lib', 'part.js'), 'twO')],
    ['one more file', () => writeFile(join(place.path, 'more.js'), '')],
    ['a file that may be run now', () => chmod(join(place.path, 'server.js'), 0o755)],
    ['another name', () => rename(join(place.path, 'lib', 'part.js'), join(place.path, 'lib', 'Part.js'))],
    [
      'a link that leads elsewhere',
      async () => {
        await rm(join(place.path, 'bin'));
        await symlink('lib/Part.js', join(place.path, 'bin'));
      },
    ],
    ['a folder', () => mkdir(join(place.path, 'empty'))],
    ['nothing left', () => rm(join(place.path, 'server.js'))],
  ];
  let before = digest;
  for (const [what, change] of changes) {
    await change();
    await assert.rejects(demandDigests('files', { [place.path]: before }), { code: 'program_changed' }, what);
    before = await digestOf(place.path);
  }
  await assert.rejects(demandDigests('files', { [join(place.path, 'gone')]: digest }), {
    code: 'program_changed',
  });
});

test('S3 the digest of a file is its SHA-256', async () => {
  await using place = await folder();
  assert.equal(
    await digestOf(join(place.path, 'server.js')),
    'sha256:7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed',
  );
});
