import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createChildWarden } from './child-warden.ts';
import { mayEnd, startOf } from './process-start.ts';

/** A child that ends for nothing short of SIGKILL, with one of its own in its group. */
const stubborn = `
  process.on('SIGTERM', () => {});
  process.stdin.resume();
  if (process.argv[1] !== 'grandchild') {
    const { pid } = require('node:child_process').spawn(process.execPath, ['-e', process.env.SELF, 'grandchild'], { stdio: 'ignore' });
    require('node:fs').writeFileSync(process.env.HOME + '/pids', process.pid + ' ' + pid);
  }
  setInterval(() => {}, 1000);
`;

/** A process that starts such a child under a warden, and is killed. */
const parent = `
  import { spawn } from 'node:child_process';
  import { existsSync } from 'node:fs';
  import { createChildWarden } from ${JSON.stringify(join(import.meta.dirname, 'child-warden.ts'))};
  const [home, ending] = process.argv.slice(2);
  const warden = createChildWarden({ graceMilliseconds: 100, log: console.error });
  const child = spawn(process.execPath, ['-e', ${JSON.stringify(stubborn)}], {
    detached: true, stdio: ['pipe', 'ignore', 'ignore'], env: { HOME: home, SELF: ${JSON.stringify(stubborn)} },
  });
  const release = warden.guard(child.pid, home);
  setInterval(() => { if (existsSync(home + '/pids')) {
    if (ending === 'release') release();
    process.kill(process.pid, 'SIGKILL');
  } }, 5);
`;

/** A zombie that its new parent has not reaped yet is dead. */
function lives(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout.trim() !== '' && !stdout.startsWith('Z');
}

/** The wardens that this process has started, by the time they are given to end. */
function wardens(grace: number): readonly number[] {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid=,stat=,args='], { encoding: 'utf8' });
  const rows = stdout.split('\n').map((row) => row.trim().split(/\s+/));
  return rows.flatMap(([pid, parent, state = '', ...words]) =>
    Number(parent) === process.pid && !state.startsWith('Z') && words.at(-1) === String(grace)
      ? [Number(pid)]
      : [],
  );
}

async function killedParent(ending: 'guard' | 'release'): Promise<{ home: string; pids: readonly number[] }> {
  const home = await mkdtemp(join(tmpdir(), 'countersign-child-'));
  const program = join(home, 'parent.ts');
  await writeFile(program, parent);
  const child = spawn(process.execPath, [program, home, ending], { stdio: ['ignore', 'ignore', 'inherit'] });
  const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
  assert.equal(signal, 'SIGKILL');
  const pids = (await readFile(join(home, 'pids'), 'utf8')).split(' ').map(Number);
  return { home, pids };
}

test('S3 children that nothing else ends do not outlive a killed process, nor do theirs, nor their home', async () => {
  const { home, pids } = await killedParent('guard');
  for (let waited = 0; pids.some(lives) || existsSync(home); waited += 10) {
    assert.ok(waited < 10_000, `still there: ${pids.filter(lives).join()} ${existsSync(home)}`);
    await delay(10);
  }
});

test('S3 a child that was taken back is left alone', async () => {
  const { home, pids } = await killedParent('release');
  try {
    await delay(600);
    assert.deepEqual(pids.map(lives), [true, true]);
    assert.ok(existsSync(home));
  } finally {
    for (const pid of pids) if (lives(pid)) process.kill(pid, 'SIGKILL');
    await rm(home, { recursive: true, force: true });
  }
});

test('S3 a warden that ends is started again and knows the children; one without any ends at once', async () => {
  const lines: string[] = [];
  const warden = createChildWarden({ graceMilliseconds: 51, log: (line) => lines.push(line) });
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], {
    detached: true,
    stdio: 'ignore',
  });
  const exited = once(child, 'exit');
  warden.guard(child.pid ?? 0, join(tmpdir(), 'countersign-child-none'));
  const [first = 0] = wardens(51);
  process.kill(first, 'SIGKILL');
  while (wardens(51).filter((pid) => pid !== first).length === 0) await delay(10);
  assert.equal(lines.splice(0).length, 1);
  await warden[Symbol.asyncDispose]();
  assert.deepEqual((await exited)[1], 'SIGTERM', 'what is left when its gateway ends is ended');
  await using idle = createChildWarden({ graceMilliseconds: 50, log: (line) => lines.push(line) });
  idle.guard(2 ** 22 + 1, '')();
  assert.deepEqual(lines, []);
});

test('S3 a process group whose number another process has taken over is left alone', async () => {
  const mine = startOf(process.pid);
  assert.ok(mine);
  assert.equal(startOf(process.pid), mine);
  assert.equal(startOf(2 ** 22 + 1), null);
  const later = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  assert.notEqual(startOf(later.pid ?? 0), mine);
  later.kill('SIGKILL');
  await once(later, 'exit');
  assert.equal(mayEnd(mine, mine), true);
  assert.equal(mayEnd(mine, null), true, 'its leader is gone, its members are not');
  assert.equal(mayEnd(mine, '1'), false);
  assert.equal(mayEnd(null, '1'), false);
});
