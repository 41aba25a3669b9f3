import assert from 'node:assert/strict';
import { appendFile, readdir, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { steppedClock } from '../kernel/clock.ts';
import { readEntry } from './entry.ts';
import { faultyDisk, type Trouble } from './faulty-disk.fixture.ts';
import {
  appendCalls,
  isFault,
  linesOf,
  makeLog,
  openLog,
  origin,
  signer,
  signerOf,
  temporaryFolder,
} from './log.fixture.ts';
import { verifyAuditLog } from './verify.ts';

const publicKey = signer.publicKey;
const call = { type: 'call.permitted', agent: 'ci-bot', tool: 'read_text_file' } as const;

test('S4 what was appended stands in the log, with its time and its index', async () => {
  await using folder = await temporaryFolder();
  const clock = steppedClock(Date.parse('2026-11-24T10:00:00.000Z'));
  {
    await using log = await openLog(folder.path, { clock });
    clock.advance(1_500);
    assert.deepEqual(await log.append(call), { index: 1 });
  }
  const entries = (await linesOf(folder.path)).map(readEntry);
  assert.deepEqual(
    entries.map(({ index, time, event }) => ({ index, time, event })),
    [
      { index: 0, time: '2026-11-24T10:00:00.000Z', event: { type: 'log.opened', origin } },
      { index: 1, time: '2026-11-24T10:00:01.500Z', event: call },
    ],
  );
});

test('S4 entries of one log opened many times are one chain', async () => {
  await using folder = await temporaryFolder();
  for (let round = 0; round < 4; round++) {
    await using log = await openLog(folder.path, { segmentEntries: 3 });
    await appendCalls(log, round);
  }
  const { ok, entries, checkpointSize } = await verifyAuditLog(folder.path, { publicKey });
  assert.deepEqual([ok, entries, checkpointSize], [true, 10, 10]);
});

test('S4 entries that come together share a write and an fdatasync, and keep their order', async () => {
  await using folder = await temporaryFolder();
  const disk = faultyDisk();
  {
    await using log = await openLog(folder.path, { disk });
    disk.syncs = 0;
    const kept = await Promise.all(Array.from({ length: 1_000 }, (_, at) => log.append({ ...call, at })));
    assert.deepEqual(
      kept.map(({ index }) => index),
      Array.from({ length: 1_000 }, (_, at) => at + 1),
    );
    assert.equal(disk.syncs, 1);
  }
  const at = (await linesOf(folder.path)).slice(1).map((line) => readEntry(line).event['at']);
  assert.deepEqual(
    at,
    Array.from({ length: 1_000 }, (_, index) => index),
  );
});

test('S4 an append is answered only when the disk says that it is durable', async () => {
  await using folder = await temporaryFolder();
  const disk = faultyDisk();
  await using log = await openLog(folder.path, { disk });
  const held = Promise.withResolvers<void>();
  disk.hold = held.promise;
  let answered = false;
  const syncs = disk.syncs;
  const appended = log.append(call).then(() => (answered = true));
  while (disk.syncs === syncs) await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(answered, false);
  held.resolve();
  await appended;
});

test('S4 the audit queue is bounded (trap: unbounded audit queue)', async () => {
  await using folder = await temporaryFolder();
  const disk = faultyDisk();
  await using log = await openLog(folder.path, { disk, queueLimit: 50 });
  const held = Promise.withResolvers<void>();
  disk.hold = held.promise;
  const syncs = disk.syncs;
  const first = log.append(call);
  while (disk.syncs === syncs) await new Promise((resolve) => setImmediate(resolve));
  const waiting = Array.from({ length: 50 }, () => log.append(call));
  await assert.rejects(log.append(call), isFault('audit_unwritable'));
  held.resolve();
  disk.hold = null;
  await Promise.all([first, ...waiting]);
  await log.append(call);
});

test('S4 an entry that nobody waits for is written with the next one, in its order', async () => {
  await using folder = await temporaryFolder();
  const disk = faultyDisk();
  await using log = await openLog(folder.path, { disk });
  const syncs = disk.syncs;
  log.note({ ...call, at: 1 });
  log.note({ ...call, at: 2 });
  assert.deepEqual(await log.append({ ...call, at: 3 }), { index: 3 });
  assert.equal(disk.syncs, syncs + 1);
  const at = (await linesOf(folder.path)).slice(1).map((line) => readEntry(line).event['at']);
  assert.deepEqual(at, [1, 2, 3]);
});

test('S4 an entry that nobody waits for is written by itself when none follows, and when the log is closed', async () => {
  await using folder = await temporaryFolder();
  const disk = faultyDisk();
  {
    await using log = await openLog(folder.path, { disk });
    const syncs = disk.syncs;
    log.note({ ...call, at: 1 });
    while (disk.syncs === syncs) await new Promise((resolve) => setTimeout(resolve, 5));
    log.note({ ...call, at: 2 });
  }
  const at = (await linesOf(folder.path)).slice(1).map((line) => readEntry(line).event['at']);
  assert.deepEqual(at, [1, 2]);
});

test('S4 an entry that nobody waits for is counted when it cannot be written, and never queued without bound', async () => {
  await using folder = await temporaryFolder();
  const disk = faultyDisk();
  const clock = steppedClock(0);
  {
    await using log = await openLog(folder.path, { disk, clock, queueLimit: 10 });
    disk.trouble = { kind: 'full' };
    log.note(call);
    while (log.health().writable) await new Promise((resolve) => setTimeout(resolve, 5));
    log.note(call);
    disk.trouble = { kind: 'none' };
    clock.advance(1_000);
    for (let at = 0; at < 15; at++) log.note(call);
    assert.equal(log.health().writable, false);
    await assert.rejects(log.append(call), isFault('audit_unwritable'));
  }
  const events = (await linesOf(folder.path)).map((line) => readEntry(line).event);
  // One that the disk refused, one while it did, five beyond the queue's limit, and the append.
  assert.deepEqual(events[1], { ...events[1], type: 'log.resumed', refused: 8 });
  assert.equal(events.length, 12);
});

test('S4 entries that found the queue full while the disk was writing are counted as well', async () => {
  await using folder = await temporaryFolder();
  const disk = faultyDisk();
  {
    await using log = await openLog(folder.path, { disk, queueLimit: 10 });
    const held = Promise.withResolvers<void>();
    disk.hold = held.promise;
    const syncs = disk.syncs;
    const first = log.append(call);
    while (disk.syncs === syncs) await new Promise((resolve) => setImmediate(resolve));
    for (let at = 0; at < 13; at++) log.note(call);
    held.resolve();
    disk.hold = null;
    await first;
    assert.equal(log.health().writable, true);
  }
  const resumed = (await linesOf(folder.path))
    .map((line) => readEntry(line).event)
    .filter(({ type }) => type === 'log.resumed');
  assert.deepEqual(
    resumed.map(({ refused }) => refused),
    [3],
  );
});

test('S4 a file takes its number of entries, then the next begins where it ended', async () => {
  await using folder = await temporaryFolder();
  await makeLog(folder.path);
  const names = (await readdir(folder.path)).filter((name) => name.endsWith('.jsonl')).sort();
  assert.deepEqual(names, [
    'log-00000000000000000000.jsonl',
    'log-00000000000000000005.jsonl',
    'log-00000000000000000010.jsonl',
  ]);
});

const troubles: readonly (readonly [string, Trouble])[] = [
  ['full', { kind: 'full' }],
  ['full in the middle of a line', { kind: 'short', octets: 70 }],
  ['full after some lines', { kind: 'short', octets: 700 }],
  ['failing to sync', { kind: 'sync' }],
  ['full, and unable to shorten the file', { kind: 'stuck', octets: 700 }],
];

for (const [name, trouble] of troubles) {
  test(`S4 a disk that is ${name} refuses, keeps nothing, and recovers by itself`, async () => {
    await using folder = await temporaryFolder();
    const disk = faultyDisk();
    const clock = steppedClock(0);
    {
      await using log = await openLog(folder.path, { disk, clock });
      disk.trouble = trouble;
      const refused = await Promise.allSettled(Array.from({ length: 20 }, () => log.append(call)));
      for (const result of refused) {
        assert.ok(result.status === 'rejected' && isFault('audit_unwritable')(result.reason));
      }
      assert.equal(log.health().writable, false);
      if (trouble.kind !== 'stuck') {
        const text = await readFile(join(folder.path, 'log-00000000000000000000.jsonl'), 'utf8');
        assert.equal(text.indexOf('\n'), text.length - 1, 'nothing of the batch is left in the file');
      }
      await assert.rejects(log.append(call), isFault('audit_unwritable'));
      disk.trouble = { kind: 'none' };
      clock.advance(1_000);
      assert.deepEqual(await log.append({ type: 'call.answered' }), { index: 2 });
      assert.deepEqual(log.health(), { writable: true, reason: null, waiting: 0 });
    }
    const events = (await linesOf(folder.path)).map((line) => readEntry(line).event);
    assert.deepEqual(
      events.map(({ type }) => type),
      ['log.opened', 'log.resumed', 'call.answered'],
    );
    assert.equal(events[1]?.['refused'], 21);
    assert.equal((await verifyAuditLog(folder.path, { publicKey })).ok, true);
  });
}

test('S4 a log becomes writable again though nobody asks, so that readiness returns', async () => {
  await using folder = await temporaryFolder();
  const disk = faultyDisk();
  await using log = await openLog(folder.path, { disk });
  disk.trouble = { kind: 'full' };
  await assert.rejects(log.append(call), isFault('audit_unwritable'));
  disk.trouble = { kind: 'none' };
  while (!log.health().writable) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(await log.append(call), { index: 2 });
});

test('S4 while the disk stays full it is not tried again for every call', async () => {
  await using folder = await temporaryFolder();
  const disk = faultyDisk();
  await using log = await openLog(folder.path, { disk });
  disk.trouble = { kind: 'full' };
  await assert.rejects(log.append(call), isFault('audit_unwritable'));
  const { writes } = disk;
  for (let at = 0; at < 20; at++) await assert.rejects(log.append(call), isFault('audit_unwritable'));
  assert.equal(disk.writes, writes);
});

test('S4 a new file that cannot be made is tried again', async () => {
  await using folder = await temporaryFolder();
  const disk = faultyDisk();
  const clock = steppedClock(0);
  {
    await using log = await openLog(folder.path, { disk, clock, segmentEntries: 1 });
    disk.trouble = { kind: 'open' };
    await assert.rejects(log.append(call), isFault('audit_unwritable'));
    disk.trouble = { kind: 'none' };
    clock.advance(1_000);
    await log.append(call);
  }
  assert.equal((await verifyAuditLog(folder.path, { publicKey })).ok, true);
});

test('S4 a file that was deleted under the writer is noticed before anything is answered', async () => {
  await using folder = await temporaryFolder();
  await using log = await openLog(folder.path);
  await unlink(join(folder.path, 'log-00000000000000000000.jsonl'));
  await assert.rejects(log.append(call), isFault('audit_unwritable'));
  assert.equal(log.health().writable, false);
});

test('S4 an entry that a crash cut off is removed when the log is opened, and that is recorded', async () => {
  await using folder = await temporaryFolder();
  await makeLog(folder.path);
  await appendFile(
    join(folder.path, 'log-00000000000000000010.jsonl'),
    '{"event":{"type":"x'.padEnd(900, 'x'),
  );
  await (await openLog(folder.path, { segmentEntries: 5 }))[Symbol.asyncDispose]();
  const events = (await linesOf(folder.path)).slice(14).map((line) => readEntry(line).event);
  assert.deepEqual(events, [
    { type: 'log.recovered', removedOctets: 900 },
    { type: 'log.opened', origin },
  ]);
  assert.equal((await verifyAuditLog(folder.path, { publicKey })).ok, true);
});

test('S4 damage that no crash leaves is refused when the log is opened', async () => {
  const newest = 'log-00000000000000000010.jsonl';
  const damage: Readonly<Record<string, (path: string) => Promise<void>>> = {
    'garbage in the middle': (path) => edit(path, newest, (text) => text.replace('"at":1', '"at":1}\n{')),
    'a changed entry': (path) => edit(path, newest, (text) => text.replace('"at":1', '"at":7')),
    'a changed last entry': (path) => edit(path, newest, (text) => text.replace('"at":3', '"at":7')),
    'covered entries cut off': (path) => edit(path, newest, (text) => text.slice(0, text.indexOf('\n') + 1)),
    'a changed entry, and no checkpoint': async (path) => {
      await edit(path, newest, (text) => text.replace('"at":1', '"at":7'));
      await rm(join(path, 'checkpoint'));
    },
    'a renamed file': (path) => rename(join(path, newest), join(path, newest.replace('10.', '11.'))),
    'a covered entry half written': (path) => edit(path, newest, (text) => text.slice(0, -5)),
    'the newest file gone': (path) => rm(join(path, newest)),
    'an old file gone, and the shortcut': async (path) => {
      await rm(join(path, 'log-00000000000000000005.jsonl'));
      await rm(join(path, 'frontier.json'));
    },
  };
  for (const [name, harm] of Object.entries(damage)) {
    await using folder = await temporaryFolder();
    await makeLog(folder.path);
    await harm(folder.path);
    await assert.rejects(openLog(folder.path), isFault('audit_broken'), name);
  }
});

test('S4 a log is not gone on with by another key, or under another origin', async () => {
  await using folder = await temporaryFolder();
  await makeLog(folder.path);
  await assert.rejects(openLog(folder.path, { signer: signerOf(origin, 9) }), isFault('audit_broken'));
  await assert.rejects(openLog(folder.path, { origin: 'example.internal/other' }), isFault('audit_broken'));
  await (await openLog(folder.path))[Symbol.asyncDispose]();
});

test('S4 the kept frontier is a shortcut only: with a wrong one, or none, the log goes on rightly', async () => {
  for (const text of [null, '{', '{"size":10,"link":"x","hashes":[]}', 'forged root'] as const) {
    await using folder = await temporaryFolder();
    await makeLog(folder.path);
    const path = join(folder.path, 'frontier.json');
    if (text === null) await rm(path);
    else if (text !== 'forged root') await writeFile(path, text);
    else {
      const kept = JSON.parse(await readFile(path, 'utf8')) as { hashes: string[] };
      await writeFile(path, JSON.stringify({ ...kept, hashes: kept.hashes.toReversed() }));
    }
    await (await openLog(folder.path))[Symbol.asyncDispose]();
    const { ok, entries } = await verifyAuditLog(folder.path, { publicKey });
    assert.deepEqual([ok, entries], [true, 15], String(text));
  }
});

test('S4 the kept frontier is not believed when no checkpoint can confirm it', async () => {
  await using folder = await temporaryFolder();
  await makeLog(folder.path);
  const notes = await readFile(join(folder.path, 'checkpoints.txt'), 'utf8');
  await writeFile(
    join(folder.path, 'checkpoint'),
    notes.slice(0, notes.indexOf('\n\n', notes.indexOf('— ')) + 1),
  );
  const path = join(folder.path, 'frontier.json');
  const kept = JSON.parse(await readFile(path, 'utf8')) as { hashes: string[] };
  await writeFile(path, JSON.stringify({ ...kept, hashes: kept.hashes.toReversed() }));
  await (await openLog(folder.path))[Symbol.asyncDispose]();
  const { ok, entries } = await verifyAuditLog(folder.path, { publicKey });
  assert.deepEqual([ok, entries], [true, 15]);
});

test('S4 a half written note at the end of the checkpoint history is removed before the next', async () => {
  await using folder = await temporaryFolder();
  await makeLog(folder.path);
  const path = join(folder.path, 'checkpoints.txt');
  const whole = await readFile(path, 'utf8');
  await appendFile(path, `${origin}\n15\nAAA`);
  await (await openLog(folder.path))[Symbol.asyncDispose]();
  const text = await readFile(path, 'utf8');
  assert.ok(text.startsWith(`${whole}${origin}\n15\n`));
  assert.equal((await verifyAuditLog(folder.path, { publicKey })).checkpoints, 4);
});

test('S4 a checkpoint is stored by itself once enough entries stand without one', async () => {
  await using folder = await temporaryFolder();
  await using log = await openLog(folder.path, { checkpointEvery: 10 });
  await appendCalls(log, 40);
  await log.checkpoint();
  assert.ok((await verifyAuditLog(folder.path, { publicKey })).checkpoints >= 2);
});

test('S4 a closed log takes nothing more', async () => {
  await using folder = await temporaryFolder();
  const log = await openLog(folder.path);
  await log[Symbol.asyncDispose]();
  await assert.rejects(log.append(call), isFault('audit_unwritable'));
  assert.equal(log.health().writable, false);
});

test('S4 an event that no reader would accept is refused, not written', async () => {
  await using folder = await temporaryFolder();
  {
    await using log = await openLog(folder.path);
    const large = { ...call, text: 'x'.repeat(16 * 1024 * 1024) };
    await assert.rejects(log.append(large), isFault('too_large'));
    await assert.rejects(log.append({ ...call, text: '\ud800' }), TypeError);
    assert.deepEqual(await log.append(call), { index: 1 });
  }
  assert.equal((await verifyAuditLog(folder.path, { publicKey })).ok, true);
});

async function edit(folder: string, name: string, change: (text: string) => string): Promise<void> {
  const path = join(folder, name);
  const text = await readFile(path, 'utf8');
  const changed = change(text);
  assert.notEqual(changed, text);
  await writeFile(path, changed);
}
