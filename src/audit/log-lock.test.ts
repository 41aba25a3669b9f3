import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { sha256Base64url } from '../kernel/bytes.ts';
import { isFault, openLog, temporaryFolder } from './log.fixture.ts';
import { lockLog } from './log-lock.ts';

test('S4 a log has one writer: a second is refused until the first has closed it', async () => {
  await using folder = await temporaryFolder();
  const first = await openLog(folder.path);
  await assert.rejects(openLog(folder.path), isFault('state_locked'));
  await first[Symbol.asyncDispose]();
  await (await openLog(folder.path))[Symbol.asyncDispose]();
});

test('S4 the lock of another process that runs is respected', async () => {
  await using folder = await temporaryFolder();
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  try {
    const start = await startOf(child.pid ?? 0);
    await writeFile(join(folder.path, 'lock'), `${child.pid} ${start}`);
    await assert.rejects(lockLog(join(folder.path, 'lock')), isFault('state_locked'));
  } finally {
    child.kill('SIGKILL');
  }
});

test('S4 the lock of a process that is gone is taken over, even when its number is in use again', async () => {
  const gone = ['', 'nonsense', '0 1', '999999999 1', `${process.pid} 1`, `${process.ppid} 1`];
  for (const text of process.platform === 'linux' ? gone : gone.slice(0, 5)) {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'lock');
    await writeFile(path, text);
    await (await lockLog(path))[Symbol.asyncDispose]();
    assert.deepEqual(await readdir(folder.path), [], text);
  }
});

test('S4 of many that want an abandoned log at once, one gets it', async () => {
  for (let round = 0; round < 40; round++) {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'lock');
    await writeFile(path, '999999999 1');
    // Every other time whoever was about to take it over is gone as well.
    const claim = `${path}.${sha256Base64url('999999999 1').slice(0, 16)}`;
    if (round % 2 === 0) await writeFile(claim, '999999999 2');
    const tries = await Promise.allSettled(Array.from({ length: 8 }, () => lockLog(path)));
    const held = tries.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    assert.ok(held.length <= 1, `round ${round}`);
    for (const lock of held) await lock[Symbol.asyncDispose]();
    await (await lockLog(path))[Symbol.asyncDispose]();
    assert.deepEqual(await readdir(folder.path), []);
  }
});

async function startOf(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? 'unknown';
}
