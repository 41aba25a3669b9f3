import assert from 'node:assert/strict';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { addHold, listHolds, releaseHold } from '../audit/holds.ts';
import { LogReader } from '../audit/log-reader.ts';
import type { AuditLog } from '../audit/log.ts';
import {
  appendCalls,
  isFault,
  makeLog,
  openLog,
  origin,
  signer,
  temporaryFolder,
} from '../audit/log.fixture.ts';
import { verifyConsistency } from '../audit/merkle.ts';
import { fromBase64 } from '../kernel/bytes.ts';
import { proveEntry, verifyProof } from '../audit/prove.ts';
import { verifyAuditLog } from '../audit/verify.ts';
import { steppedClock } from '../kernel/clock.ts';
import { exporting, memoryDestination, until, upTo } from './exporter.fixture.ts';
import { Retaining, type RetainingOptions } from './retaining.ts';

const day = 24 * 3_600_000;
const start = Date.parse('2026-11-24T10:00:00.000Z');
const { publicKey } = signer;

/** Retention of a log, a hundred days later. */
function retaining(folder: string, audit: AuditLog, more: Partial<RetainingOptions> = {}): Retaining {
  return new Retaining({
    folder,
    rules: { milliseconds: 30 * day, octets: null },
    audit,
    destinations: [],
    witnessed: () => [],
    clock: steppedClock(start + 100 * day),
    log: () => undefined,
    milliseconds: 3_600_000,
    ...more,
  });
}

async function names(folder: string): Promise<readonly string[]> {
  return (await readdir(folder)).filter((name) => name.startsWith('log-')).sort();
}

const file = (first: number, ending: string): string => `log-${String(first).padStart(20, '0')}.${ending}`;

test('S4 files that are too old are removed but for their hashes, and the rest verifies, goes on and is proved', async () => {
  await using folder = await temporaryFolder();
  await makeLog(folder.path);
  await using log = await openLog(folder.path, { segmentEntries: 5, checkpointMilliseconds: 3_600_000 });
  await log.checkpoint();
  const before = await verifyAuditLog(folder.path, { publicKey });
  await using retention = retaining(folder.path, log);
  await retention.look();
  assert.equal(retention.status().waiting, null);
  assert.equal(retention.status().removed, 15);
  assert.deepEqual(await names(folder.path), [
    file(0, 'leaves'),
    file(5, 'leaves'),
    file(10, 'leaves'),
    file(15, 'jsonl'),
  ]);
  assert.equal((await stat(join(folder.path, file(0, 'leaves')))).size, 5 * 32);
  await appendCalls(log, 4);
  await log.checkpoint();
  const after = await verifyAuditLog(folder.path, { publicKey });
  assert.equal(after.firstBroken, null);
  assert.equal(after.removed, 15);
  assert.ok(after.entries > before.entries);
  assert.ok(after.checkpoints > before.checkpoints, 'also those over entries that are gone');

  // Without the shortcuts as well, and by another process.
  await rm(join(folder.path, 'blocks.txt'), { force: true });
  const reader = new LogReader({ folder: folder.path, origin, publicKey, sign: () => log.checkpoint() });
  const head = await reader.head();
  const path = (await reader.consistency(4, head)).map((hash) => fromBase64(hash) ?? new Uint8Array());
  const first = (await readFile(join(folder.path, 'checkpoints.txt'), 'utf8')).split('\n');
  assert.equal(first[1], '4');
  const smaller = { size: 4, root: fromBase64(first[2] ?? '') ?? new Uint8Array() };
  assert.equal(verifyConsistency(smaller, head.checkpoint, path), true);
  assert.equal(verifyProof(await proveEntry(folder.path, 17), publicKey).entry.index, 17);
  await assert.rejects(proveEntry(folder.path, 3), isFault('not_found'));
  await assert.rejects(reader.prove(3, head), isFault('not_found'));
});

test('S4 a log whose beginning was removed is opened again, also without the kept frontier', async () => {
  await using folder = await temporaryFolder();
  await makeLog(folder.path);
  {
    await using log = await openLog(folder.path, { segmentEntries: 5 });
    await log.checkpoint();
    await using retention = retaining(folder.path, log);
    await retention.look();
  }
  await rm(join(folder.path, 'frontier.json'));
  await using log = await openLog(folder.path, { segmentEntries: 5 });
  await appendCalls(log, 3);
  await log.checkpoint();
  assert.equal((await verifyAuditLog(folder.path, { publicKey })).firstBroken, null);
});

test('S4 hashes that were changed, or entries that were removed by somebody else, are found', async () => {
  await using folder = await temporaryFolder();
  await makeLog(folder.path);
  await using log = await openLog(folder.path, { segmentEntries: 5 });
  await log.checkpoint();
  await using retention = retaining(folder.path, log);
  await retention.look();
  const leaves = join(folder.path, file(0, 'leaves'));
  const octets = await readFile(leaves);
  for (const at of [0, 70, 159]) {
    const changed = Buffer.from(octets);
    changed[at] = (changed[at] ?? 0) ^ 1;
    await writeFile(leaves, changed);
    assert.equal((await verifyAuditLog(folder.path, { publicKey })).ok, false, `octet ${at}`);
  }
  await writeFile(leaves, octets.subarray(0, 128));
  assert.equal((await verifyAuditLog(folder.path, { publicKey })).ok, false);
  await writeFile(leaves, octets);
  assert.equal((await verifyAuditLog(folder.path, { publicKey })).ok, true);
  await rm(join(folder.path, file(5, 'leaves')));
  assert.equal((await verifyAuditLog(folder.path, { publicKey })).ok, false);
});

test('S4 what a destination has not taken stays, and a new destination begins with what is left', async () => {
  await using folder = await temporaryFolder();
  await makeLog(folder.path);
  await using log = await openLog(folder.path, { segmentEntries: 5, checkpointMilliseconds: 3_600_000 });
  await log.checkpoint();
  await using retention = retaining(folder.path, log, { destinations: ['siem'] });
  await retention.look();
  assert.equal(retention.status().removed, 0);
  assert.match(retention.status().waiting ?? '', /siem has not taken all of it/);
  const destination = memoryDestination();
  const { exporter } = exporting(folder.path, destination);
  await until(() => destination.taken().length >= 15);
  await exporter[Symbol.asyncDispose]();
  await retention.look();
  assert.equal(retention.status().removed, 15);

  await log.checkpoint();
  const late = memoryDestination();
  await using stack = new AsyncDisposableStack();
  stack.use(exporting(folder.path, late, { name: 'late' }).exporter);
  await until(() => late.taken().length >= 3);
  assert.deepEqual(late.taken().slice(0, 3), upTo(18, 15));
});

test('S4 what a witness has not signed for stays, and what no checkpoint covers', async () => {
  await using folder = await temporaryFolder();
  await makeLog(folder.path);
  await using log = await openLog(folder.path, { segmentEntries: 5, checkpointMilliseconds: 3_600_000 });
  let size = 4;
  await using retention = retaining(folder.path, log, { witnessed: () => [{ witness: 'w', size }] });
  await retention.look();
  assert.match(retention.status().waiting ?? '', /the witness w has not signed/);
  size = 5;
  await retention.look();
  assert.equal(retention.status().removed, 5);
});

test('S4 a hold keeps everything until its release stands in the log', async () => {
  await using folder = await temporaryFolder();
  await makeLog(folder.path);
  await using log = await openLog(folder.path, { segmentEntries: 5 });
  await log.checkpoint();
  const word = { by: 'alice', reason: 'case 17', at: '2026-11-24T10:00:00.000Z' };
  const id = await addHold(folder.path, word);
  await using retention = retaining(folder.path, log);
  await retention.look();
  assert.match(retention.status().waiting ?? '', /hold .* of alice/);
  assert.equal(retention.status().removed, 0);
  await releaseHold(folder.path, id, { ...word, reason: 'settled' });
  await assert.rejects(releaseHold(folder.path, id, word), isFault('conflict'));
  assert.deepEqual(
    (await listHolds(folder.path)).map(({ recorded }) => recorded),
    [{ added: true, released: false }],
  );
  await retention.look();
  assert.equal(retention.status().removed, 15);
  await log.checkpoint();
  const text = await readFile(join(folder.path, file(15, 'jsonl')), 'utf8');
  assert.match(text, /"by":"alice","hold":"[^"]+","reason":"case 17","type":"hold.added"/);
  assert.match(text, /"reason":"settled","type":"hold.released"/);
  assert.match(text, /"from":0,"octets":\d+,"to":5,"type":"log.removed","why":"age"/);

  // What cannot be read may be a hold.
  await writeFile(join(folder.path, `holds/${id}.hold.json`), '{');
  await retention.look();
  assert.match(retention.status().waiting ?? '', /nothing of the log is removed/);
});

test('S4 the oldest file goes when all are too large together, and never the one that is written to', async () => {
  await using folder = await temporaryFolder();
  await makeLog(folder.path);
  await using log = await openLog(folder.path, { segmentEntries: 5 });
  await log.checkpoint();
  await using retention = retaining(folder.path, log, { rules: { milliseconds: null, octets: 1 } });
  await retention.look();
  const left = (await names(folder.path)).filter((name) => name.endsWith('.jsonl'));
  assert.equal(left.length, 1);
});

test('S4 a file that was changed is not removed: it is evidence', async () => {
  await using folder = await temporaryFolder();
  await makeLog(folder.path);
  await using log = await openLog(folder.path, { segmentEntries: 5 });
  await log.checkpoint();
  const path = join(folder.path, file(0, 'jsonl'));
  const text = await readFile(path, 'utf8');
  await writeFile(path, text.replace('agent-0', 'agent-9'));
  await using retention = retaining(folder.path, log);
  await retention.look();
  assert.match(retention.status().waiting ?? '', /is not removed/);
  assert.equal(retention.status().removed, 0);
  await writeFile(path, text);
  await retention.look();
  assert.equal(retention.status().removed, 15);
});
