import assert from 'node:assert/strict';
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readPrivateFile, readTextFile, writeDurably } from './durable-file.ts';

test('a file written durably is whole, private, and leaves nothing beside it', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'key');
  await writeDurably(path, 'first');
  await writeDurably(path, 'second');
  assert.equal(await readFile(path, 'utf8'), 'second');
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.deepEqual(await readdir(folder), ['key']);
});

test('refuses a private file that others can open', {
  skip: process.platform === 'win32' && 'Windows has no file modes',
}, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'key');
  await writeFile(path, 'secret');
  await chmod(path, 0o640);
  await assert.rejects(readPrivateFile(path), { code: 'file_mode' });
  await symlink(path, join(folder, 'link'));
  await assert.rejects(readPrivateFile(join(folder, 'link')), { code: 'file_mode' });
  await assert.rejects(readPrivateFile(join(folder, 'none')), { code: 'not_found' });
});

test('U8 a credential of the platform may be read by its group, and by nobody else', {
  skip: process.platform === 'win32' && 'Windows has no file modes',
}, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-'));
  const before = process.env['CREDENTIALS_DIRECTORY'];
  t.after(async () => {
    if (before === undefined) delete process.env['CREDENTIALS_DIRECTORY'];
    else process.env['CREDENTIALS_DIRECTORY'] = before;
    await rm(folder, { recursive: true });
  });
  const path = join(folder, 'credentials', 'key');
  await writeDurably(path, 'secret');
  await chmod(path, 0o440);
  await assert.rejects(readPrivateFile(path), { code: 'file_mode' });
  process.env['CREDENTIALS_DIRECTORY'] = join(folder, 'credentials');
  assert.equal(Buffer.from(await readPrivateFile(path)).toString(), 'secret');
  for (const mode of [0o444, 0o460, 0o450, 0o441, 0o640 | 0o004]) {
    await chmod(path, mode);
    await assert.rejects(readPrivateFile(path), { code: 'file_mode' }, mode.toString(8));
  }
  await chmod(path, 0o440);
  for (const other of [
    join(folder, 'cred'),
    path,
    `${folder}/credentials/key/..//../elsewhere`,
    '',
    'credentials',
  ]) {
    process.env['CREDENTIALS_DIRECTORY'] = other;
    await assert.rejects(readPrivateFile(path), { code: 'file_mode' }, other);
  }
});

test('bad input: a file that is missing, a folder, below a file or far too long is told as such', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-'));
  try {
    const file = join(folder, 'file');
    await writeFile(file, 'text', { mode: 0o600 });
    for (const read of [readPrivateFile, readTextFile]) {
      await assert.rejects(read(join(folder, 'none')), { code: 'not_found' });
      await assert.rejects(read(join(file, 'below')), { code: 'not_found' });
      await assert.rejects(read(folder), { code: 'invalid_input' });
      await assert.rejects(read('/dev/zero'), { code: 'too_large' });
    }
    assert.equal(await readTextFile(file), 'text');
  } finally {
    await rm(folder, { recursive: true });
  }
});
