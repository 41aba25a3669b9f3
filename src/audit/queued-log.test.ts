import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { faultyDisk } from './faulty-disk.fixture.ts';
import { isFault, linesOf, openLog, temporaryFolder } from './log.fixture.ts';
import { queuedLog } from './queued-log.ts';

const call = { type: 'call.permitted', agent: 'a' } as const;

test('A2 a queued entry counts as kept before it is on the disk, and is on it a moment later', async () => {
  await using folder = await temporaryFolder();
  const disk = faultyDisk();
  await using log = await openLog(folder.path, { disk });
  const before = disk.syncs;
  await queuedLog(log).append(call);
  assert.equal(disk.syncs, before);
  while (disk.syncs === before) await delay(5);
  await log.checkpoint();
  assert.equal((await linesOf(folder.path)).length, 2);
});

test('A2 queued entries that come one after the other share one write', async () => {
  await using folder = await temporaryFolder();
  const disk = faultyDisk();
  await using log = await openLog(folder.path, { disk });
  const before = disk.writes;
  for (let at = 0; at < 200; at++) await queuedLog(log).append({ ...call, at });
  await log.checkpoint();
  assert.equal(disk.writes, before + 1);
  const lines = await linesOf(folder.path);
  assert.deepEqual(
    lines.slice(1).map((line) => (JSON.parse(line) as { event: { at: number } }).event.at),
    Array.from({ length: 200 }, (_, at) => at),
  );
});

test('A2 a log that cannot be written refuses queued entries as well, until it can be written again', async () => {
  await using folder = await temporaryFolder();
  const disk = faultyDisk();
  await using log = await openLog(folder.path, { disk });
  disk.trouble = { kind: 'full' };
  await queuedLog(log).append(call);
  while (log.health().writable) await delay(5);
  await assert.rejects(queuedLog(log).append(call), isFault('audit_unwritable'));
  disk.trouble = { kind: 'none' };
  while (!log.health().writable) await delay(5);
  await queuedLog(log).append({ ...call, at: 7 });
  await log.checkpoint();
  const lines = await linesOf(folder.path);
  assert.match(lines.at(-2) ?? '', /"refused":2.*"type":"log.resumed"/);
  assert.match(lines.at(-1) ?? '', /"at":7/);
});

test('A2 the queue is bounded: one entry too many is refused while the disk is writing', async () => {
  await using folder = await temporaryFolder();
  const disk = faultyDisk();
  await using log = await openLog(folder.path, { disk, queueLimit: 10 });
  const gate = Promise.withResolvers<void>();
  disk.hold = gate.promise;
  const writing = log.append(call);
  while (disk.syncs < 2) await delay(1);
  for (let at = 0; at < 10; at++) await queuedLog(log).append(call);
  await assert.rejects(queuedLog(log).append(call), isFault('audit_unwritable'));
  gate.resolve();
  disk.hold = null;
  await writing;
});

test('A2 what is queued when the log is closed is written', async () => {
  await using folder = await temporaryFolder();
  {
    await using log = await openLog(folder.path);
    await queuedLog(log).append({ ...call, at: 1 });
  }
  assert.match((await linesOf(folder.path)).at(-1) ?? '', /"at":1/);
});
