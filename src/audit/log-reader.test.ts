import assert from 'node:assert/strict';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fromBase64 } from '../kernel/bytes.ts';
import { leafHash } from './entry.ts';
import type { AuditLog } from './log.ts';
import { isFault, linesOf, openLog, origin, signer, temporaryFolder } from './log.fixture.ts';
import { LogReader } from './log-reader.ts';
import { Frontier, verifyConsistency } from './merkle.ts';
import { proveEntry, verifyProof } from './prove.ts';

const publicKey = signer.publicKey;

/** A log of some blocks and a part of one, in files that end within blocks. */
async function openLongLog(folder: string, entries = 2_600): Promise<AuditLog> {
  const log = await openLog(folder, { segmentEntries: 700 });
  for (let at = 1; at < entries; at++) log.note({ type: 'call.permitted', at });
  await log.checkpoint();
  return log;
}

const readerOf = (folder: string, log: AuditLog): LogReader =>
  new LogReader({ folder, origin, publicKey, sign: () => log.checkpoint() });

test('I9 a proof made with what is known of blocks is the one that is made from the whole log', async () => {
  await using folder = await temporaryFolder();
  await using log = await openLongLog(folder.path);
  const reader = readerOf(folder.path, log);
  const head = await reader.head();
  assert.equal(head.checkpoint.size, 2_600);
  for (const index of [0, 1, 699, 700, 1_023, 1_024, 2_047, 2_048, 2_599]) {
    const proof = await reader.prove(index, head);
    assert.equal(verifyProof(proof, publicKey).entry.index, index);
    assert.deepEqual(proof, await proveEntry(folder.path, index), String(index));
  }
  await assert.rejects(reader.prove(2_600, head), isFault('not_found'));
});

test('I9 the head is shown to go on from every earlier size, and pages give the lines in order', async () => {
  await using folder = await temporaryFolder();
  await using log = await openLongLog(folder.path);
  const reader = readerOf(folder.path, log);
  const head = await reader.head();
  const lines = await linesOf(folder.path);
  for (const size of [1, 5, 1_024, 1_500, 2_048, 2_599]) {
    const tree = new Frontier();
    for (const line of lines.slice(0, size)) tree.append(leafHash(line));
    const path = (await reader.consistency(size, head)).map((hash) => fromBase64(hash) ?? new Uint8Array());
    assert.ok(verifyConsistency({ size, root: tree.root() }, head.checkpoint, path), String(size));
  }
  await assert.rejects(reader.consistency(2_601, head), isFault('not_found'));
  const read: string[] = [];
  while (read.length < lines.length) read.push(...(await reader.page(read.length, lines.length)).lines);
  assert.deepEqual(read, lines);
  assert.deepEqual((await reader.page(1_030, 1_040)).lines, lines.slice(1_030, 1_040));
});

test('I9 an entry is found by its time, wherever it stands', async () => {
  await using folder = await temporaryFolder();
  await using log = await openLongLog(folder.path);
  const reader = readerOf(folder.path, log);
  await reader.head();
  const lines = await linesOf(folder.path);
  for (const index of [1, 700, 1_500, 2_599]) {
    const time = Date.parse((JSON.parse(lines[index] ?? '') as { time: string }).time);
    const found = await reader.find(time, `"at":${index},`, ({ event }) => event['at'] === index);
    assert.equal(found?.index, index);
    assert.equal(await reader.find(time, '"at":9999,', () => true), null);
  }
});

test('I9 what was kept of blocks is used again, and made anew when it does not lead to the signed root', async () => {
  await using folder = await temporaryFolder();
  await using log = await openLongLog(folder.path);
  const first = readerOf(folder.path, log);
  const proof = await first.prove(10, await first.head());
  const file = join(folder.path, 'blocks.txt');
  const kept = await readFile(file, 'utf8');
  assert.equal(kept.split('\n').length, 3, 'two whole blocks');
  const again = readerOf(folder.path, log);
  assert.deepEqual(await again.prove(10, await again.head()), proof);
  assert.equal(await readFile(file, 'utf8'), kept);
  // Of another log: the second block's root stands in for the first's.
  const [one = '', two = ''] = kept.split('\n');
  const wrong = { ...(JSON.parse(one) as object), root: (JSON.parse(two) as { root: string }).root };
  await writeFile(file, `${JSON.stringify(wrong)}\n${two}\n`);
  const misled = readerOf(folder.path, log);
  assert.deepEqual(await misled.prove(1_500, await misled.head()), await proveEntry(folder.path, 1_500));
  assert.equal(await readFile(file, 'utf8'), kept, 'it was made anew');
  await appendFile(file, '{"place":{"index":2048');
  const torn = readerOf(folder.path, log);
  assert.deepEqual(await torn.prove(10, await torn.head()), proof);
});

test('I9 a log that does not give its signed root proves nothing', async () => {
  await using folder = await temporaryFolder();
  await using log = await openLongLog(folder.path);
  const path = join(folder.path, 'log-00000000000000000000.jsonl');
  await writeFile(path, (await readFile(path, 'utf8')).replace('"at":600,', '"at":601,'));
  const reader = readerOf(folder.path, log);
  const head = await reader.head();
  await assert.rejects(reader.prove(5, head), isFault('audit_broken'));
  await assert.rejects(reader.consistency(400, head), isFault('audit_broken'));
});
