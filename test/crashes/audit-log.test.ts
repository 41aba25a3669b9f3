import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { readEntry } from '../../src/audit/entry.ts';
import { linesOf, openLog, signer, temporaryFolder } from '../../src/audit/log.fixture.ts';
import { verifyAuditLog } from '../../src/audit/verify.ts';

/** After how many durable entries each writer is killed: before it begins, in its first steps, and anywhere later. */
const killedAfter = [0, 1, 2, 3, 9, 24, 26, 39, 41, 77, 150, 400];

test('S4 kill -9 of a writer loses no entry that was reported durable, and the log goes on', async () => {
  await using folder = await temporaryFolder();
  const told: string[] = [];
  for (const [round, after] of killedAfter.entries()) {
    told.push(...(await killWriter(folder.path, round, after)));
    const before = await verifyAuditLog(folder.path, { publicKey: signer.publicKey }).catch(() => null);
    assert.ok(before === null || before.ok, String(before?.firstBroken?.reason));
    await (await openLog(folder.path, { segmentEntries: 40 }))[Symbol.asyncDispose]();
    const result = await verifyAuditLog(folder.path, { publicKey: signer.publicKey });
    assert.ok(result.ok, String(result.firstBroken?.reason));
    assert.deepEqual([result.torn, result.checkpointSize], [null, result.entries]);
    const ids = (await linesOf(folder.path)).map((line) => readEntry(line).event['id']);
    for (const line of told) {
      const [index = '', id = ''] = line.split(' ');
      assert.equal(ids[Number(index)], id, `entry ${index} was reported durable in round ${round}`);
    }
  }
  assert.ok(told.length >= killedAfter.reduce((sum, after) => sum + after));
});

const prlimit = spawnSync('prlimit', ['--version']).status === 0;

test('S4 a file system that takes no more octets refuses calls, loses none that was kept, and recovers by itself', {
  skip: prlimit ? false : 'prlimit(1) of util-linux is not here',
}, async () => {
  await using folder = await temporaryFolder();
  const script = join(import.meta.dirname, 'audit-log-on-full-disk.ts');
  // The soft limit on the size of a file (RLIMIT_FSIZE) makes write(2) itself short, then fail, as a full disk does.
  const command = 'ulimit -S -f 64; exec "$0" "$@"';
  const child = spawn('bash', ['-c', command, process.execPath, script, folder.path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const told: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    told.push(line);
    if (line.startsWith('kept')) continue;
    const raised = spawnSync('prlimit', ['--pid', String(child.pid), '--fsize=unlimited']);
    assert.equal(raised.status, 0, String(raised.stderr));
  }
  assert.deepEqual(await exited, [0, null]);
  const at = told.indexOf('audit_unwritable');
  assert.ok(at > 10, told.join(', '));
  const entries = (await linesOf(folder.path)).map(readEntry);
  const kept = entries
    .filter(({ event }) => event.type === 'call.permitted')
    .map(({ index }) => `kept ${index}`);
  assert.deepEqual(kept, told.toSpliced(at, 1));
  assert.equal(entries[at + 1]?.event.type, 'log.resumed');
  assert.equal((await verifyAuditLog(folder.path, { publicKey: signer.publicKey })).ok, true);
});

async function killWriter(folder: string, round: number, after: number): Promise<readonly string[]> {
  const script = join(import.meta.dirname, 'audit-log-writer.ts');
  const child = spawn(process.execPath, [script, folder, String(round)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const told: string[] = [];
  if (after === 0) child.kill('SIGKILL');
  for await (const line of createInterface({ input: child.stdout })) {
    told.push(line);
    if (told.length === after) child.kill('SIGKILL');
  }
  const [code, signal] = (await exited) as [number | null, string | null];
  assert.deepEqual([code, signal], [null, 'SIGKILL'], 'the writer ended only because it was killed');
  return told;
}
