import assert from 'node:assert/strict';
import { appendFile, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { canonicalJson } from '../kernel/canonical-json.ts';
import { writeCheckpoint } from './checkpoint.ts';
import { entryLine, entryTime, genesis, leafHash, linkOf, readEntry } from './entry.ts';
import {
  appendCalls,
  copyFolder,
  isFault,
  linesOf,
  makeLog,
  openLog,
  signer,
  signerOf,
  temporaryFolder,
} from './log.fixture.ts';
import { Frontier } from './merkle.ts';
import { verifyAuditLog } from './verify.ts';

const place: { path: string; whole: string; copy: string; dispose: () => Promise<void> } = {
  path: '',
  whole: '',
  copy: '',
  dispose: () => Promise.resolve(),
};

before(async () => {
  const folder = await temporaryFolder();
  place.path = folder.path;
  place.whole = join(folder.path, 'whole');
  place.copy = join(folder.path, 'copy');
  place.dispose = async () => await folder[Symbol.asyncDispose]();
  await makeLog(place.whole);
});

after(() => place.dispose());

/** The files of `makeLog`, with the index of their first entry. */
const files = [0, 5, 10].map((first) => ({ first, name: `log-${String(first).padStart(20, '0')}.jsonl` }));
const size = 14;
const publicKey = signer.publicKey;

test('S4 a log that was closed verifies: all entries linked and signed for', async () => {
  const result = await verifyAuditLog(place.whole, { publicKey });
  const leaves = new Frontier();
  for (const line of await linesOf(place.whole)) leaves.append(leafHash(line));
  assert.deepEqual(result, {
    ok: true,
    entries: size,
    root: Buffer.from(leaves.root()).toString('base64'),
    origin: 'example.internal/gateway',
    checkpoints: 3,
    checkpointSize: size,
    keyFrom: 'given',
    torn: null,
    firstBroken: null,
    witnessed: [],
    removed: 0,
  });
});

test('S4 says when the key was the one that lies beside the log', async () => {
  assert.equal((await verifyAuditLog(place.whole)).keyFrom, 'folder');
});

test('S4 a folder without a log is not taken for an empty log', async () => {
  await assert.rejects(verifyAuditLog(join(place.path, 'nowhere'), { publicKey }), isFault('not_found'));
  await using folder = await temporaryFolder();
  await assert.rejects(verifyAuditLog(folder.path, { publicKey }), isFault('not_found'));
  await assert.rejects(verifyAuditLog(folder.path), isFault('not_found'));
});

test('S4 any octet changed in any entry is found, and the entry is named', async () => {
  const change = fc.record({
    file: fc.constantFrom(...files),
    at: fc.nat(),
    mask: fc.integer({ min: 1, max: 255 }),
  });
  await fc.assert(
    fc.asyncProperty(change, async ({ file, at, mask }) => {
      await copyFolder(place.whole, place.copy);
      const path = join(place.copy, file.name);
      const bytes = await readFile(path);
      const position = at % bytes.length;
      const hit = file.first + bytes.subarray(0, position).toString('latin1').split('\n').length - 1;
      bytes[position] = (bytes[position] ?? 0) ^ mask;
      await writeFile(path, bytes);
      const { ok, firstBroken } = await verifyAuditLog(place.copy, { publicKey });
      assert.equal(ok, false);
      // Nothing links to the last entry; its checkpoint says that one of those after the checkpoint before was changed.
      const expected = hit === size - 1 && firstBroken?.reason.includes('root') ? 10 : hit;
      assert.equal(firstBroken?.index, expected, `octet ${position} of ${file.name}: ${firstBroken?.reason}`);
      if (expected === hit) {
        assert.deepEqual([firstBroken?.file, firstBroken?.line], [file.name, hit - file.first + 1]);
      }
    }),
    { numRuns: 120 },
  );
});

test('S4 an entry that was taken out is found, and named', async () => {
  for (let index = 0; index < size; index++) {
    const lines = await linesOf(place.whole);
    await assertBroken(lines.toSpliced(index, 1), index);
  }
});

test('S4 two entries that changed places are found, and the first named', async () => {
  const lines = await linesOf(place.whole);
  for (let first = 0; first < size; first++) {
    for (let second = first + 1; second < size; second++) {
      const swapped = lines.with(first, lines[second] ?? '').with(second, lines[first] ?? '');
      await assertBroken(swapped, first);
    }
  }
});

test('S4 an entry that was put in is found, however well it links to the one before', async () => {
  const lines = await linesOf(place.whole);
  for (let index = 1; index < size; index++) {
    const linked = linkOf(leafHash(lines[index - 1] ?? ''));
    for (const previous of [linked, genesis('elsewhere')]) {
      const forged = entryLine(index, entryTime(0), previous, '{"type":"call.permitted"}');
      await assertBroken(lines.toSpliced(index, 0, forged), index);
    }
    await assertBroken(lines.toSpliced(index, 0, 'nonsense'), index);
  }
});

test('S4 entries that were cut off the end are missed as soon as a checkpoint covers them', async () => {
  const lines = await linesOf(place.whole);
  for (let kept = 0; kept < size; kept++) await assertBroken(lines.slice(0, kept), kept);
});

test('S4 a covered entry that is half written is no mere crash', async () => {
  await copyFolder(place.whole, place.copy);
  const path = join(place.copy, files[2]?.name ?? '');
  const text = await readFile(path, 'utf8');
  await writeFile(path, text.slice(0, -9));
  const { firstBroken } = await verifyAuditLog(place.copy, { publicKey });
  assert.deepEqual([firstBroken?.index, firstBroken?.line], [13, 4]);
});

test('S4 an entry after the last checkpoint that a crash cut off is told apart from damage', async () => {
  await copyFolder(place.whole, place.copy);
  await appendFile(join(place.copy, files[2]?.name ?? ''), '{"event":{"ty');
  const result = await verifyAuditLog(place.copy, { publicKey });
  assert.deepEqual(
    [result.ok, result.entries, result.torn],
    [true, size, { file: files[2]?.name, line: 5, octets: 13 }],
  );
});

test('S4 a file in the middle that is cut off is damage', async () => {
  await copyFolder(place.whole, place.copy);
  const path = join(place.copy, files[1]?.name ?? '');
  const text = await readFile(path, 'utf8');
  await writeFile(path, text.slice(0, -9));
  const { firstBroken } = await verifyAuditLog(place.copy, { publicKey });
  assert.deepEqual([firstBroken?.index, firstBroken?.line], [9, 5]);
});

test('S4 a missing, emptied or renamed file is found', async () => {
  for (const { name, first } of files) {
    await copyFolder(place.whole, place.copy);
    await rm(join(place.copy, name));
    assert.equal((await verifyAuditLog(place.copy, { publicKey })).firstBroken?.index, first);
    await copyFolder(place.whole, place.copy);
    await writeFile(join(place.copy, name), '');
    assert.equal((await verifyAuditLog(place.copy, { publicKey })).firstBroken?.index, first);
    await copyFolder(place.whole, place.copy);
    await rename(
      join(place.copy, name),
      join(place.copy, `log-${String(first + 1).padStart(20, '0')}.jsonl`),
    );
    assert.equal((await verifyAuditLog(place.copy, { publicKey })).firstBroken?.index, first);
  }
});

test('S4 a log rewritten from one entry on, with all links right, is found by its checkpoints', async () => {
  const lines = await linesOf(place.whole);
  for (let index = 0; index < size; index++) {
    const firstUnproven = index < 4 ? 0 : index < 10 ? 4 : 10;
    const { reason } = await assertBroken(rewrittenFrom(lines, index), firstUnproven);
    assert.match(
      reason,
      new RegExp(`root that the checkpoint over ${index < 4 ? 4 : index < 10 ? 10 : 14} entries`),
    );
  }
});

test('S4 what was rewritten and signed with another key is found with the key kept elsewhere', async () => {
  const forger = signerOf('example.internal/gateway', 9);
  await using folder = await temporaryFolder();
  await makeLog(folder.path, { signer: forger });
  assert.equal((await verifyAuditLog(folder.path)).ok, true);
  assert.equal((await verifyAuditLog(folder.path, { publicKey })).ok, false);
});

test('S4 two logs of one key cannot be exchanged: the origin is in every link and checkpoint', async () => {
  const origin = 'example.internal/authority';
  await using other = await temporaryFolder();
  await makeLog(other.path, { origin });
  assert.equal((await verifyAuditLog(other.path, { publicKey })).origin, origin);
  const expected = await verifyAuditLog(other.path, { publicKey, origin: 'example.internal/gateway' });
  assert.equal(expected.ok, false);
  for (const taken of [
    [/^log-/],
    [/^log-/, /^checkpoint/],
    [/^checkpoint$/],
    [/^checkpoints\.txt$/],
    [/^origin/],
  ]) {
    await copyFolder(place.whole, place.copy);
    for (const name of await readdir(other.path)) {
      if (!taken.some((pattern) => pattern.test(name))) continue;
      await writeFile(join(place.copy, name), await readFile(join(other.path, name)));
    }
    const result = await verifyAuditLog(place.copy, { publicKey });
    assert.deepEqual([result.ok, result.firstBroken?.index], [false, 0], String(taken));
  }
});

test('S4 a stored checkpoint that was changed, forged or moved is found', async () => {
  const history = await readFile(join(place.whole, 'checkpoints.txt'), 'utf8');
  const notes = history.split(/(?<=\n)\n(?=example)/);
  assert.equal(notes.length, 3);
  const forged = `${writeCheckpoint({ origin: 'example.internal/gateway', size: 7, root: new Uint8Array(32) }, signer)}\n`;
  const [a = '', b = '', c = ''] = notes.map((note) => (note.endsWith('\n\n') ? note.slice(0, -1) : note));
  const histories = [
    [a, c, b],
    [a, forged.slice(0, -1), b, c],
    [a, b.replace('\n10\n', '\n9\n'), c],
    ['nonsense\n', a, b, c],
  ].map((parts) => parts.map((part) => `${part}\n`).join(''));
  for (const text of histories) {
    await copyFolder(place.whole, place.copy);
    await writeFile(join(place.copy, 'checkpoints.txt'), text);
    const { firstBroken } = await verifyAuditLog(place.copy, { publicKey });
    // A forged root cannot be told from changed entries; the rest is wrong in itself.
    if (!text.includes(forged)) assert.equal(firstBroken?.file, 'checkpoints.txt', text);
    assert.ok(firstBroken, text);
  }
});

test('S4 a log cut back together with its checkpoints is found with a checkpoint kept elsewhere', async () => {
  await using folder = await temporaryFolder();
  {
    await using log = await openLog(folder.path);
    await appendCalls(log, 3);
  }
  const cut = await verifyAuditLog(folder.path, { publicKey });
  assert.equal(cut.ok, true);
  const kept = await readFile(join(place.whole, 'checkpoint'), 'utf8');
  const { ok, firstBroken } = await verifyAuditLog(folder.path, { publicKey, known: [kept] });
  assert.deepEqual([ok, firstBroken?.index], [false, 4]);
});

test('S4 a history that a crash cut off at its end does not hide the log', async () => {
  await copyFolder(place.whole, place.copy);
  await appendFile(join(place.copy, 'checkpoints.txt'), 'example.internal/gateway\n15\nAAA');
  assert.equal((await verifyAuditLog(place.copy, { publicKey })).ok, true);
});

test('S4 a log verifies while it is written', async () => {
  await using folder = await temporaryFolder();
  await using log = await openLog(folder.path, { segmentEntries: 3, checkpointEvery: 2 });
  const writing = appendCalls(log, 300);
  for (let round = 0; round < 20; round++) {
    const { ok, firstBroken } = await verifyAuditLog(folder.path, { publicKey });
    assert.ok(ok, String(firstBroken?.reason));
  }
  await writing;
});

test('S4 a line longer than an entry may be is damage, whether it ends or not', async () => {
  await copyFolder(place.whole, place.copy);
  const path = join(place.copy, files[2]?.name ?? '');
  for (const text of ['a'.repeat(17 * 1024 * 1024), '\n']) {
    await appendFile(path, text);
    const { ok, firstBroken } = await verifyAuditLog(place.copy, { publicKey });
    assert.deepEqual([ok, firstBroken?.index, firstBroken?.line], [false, 14, 5]);
  }
});

test('S4 an index that was lowered by one is not taken for a repetition', async () => {
  const lines = await linesOf(place.whole);
  for (let index = 1; index < size; index++) {
    const line = lines[index]?.replace(`"index":${index}`, `"index":${index - 1}`) ?? '';
    await assertBroken(lines.with(index, line), index);
  }
});

test('S4 an entry that was replaced is named, when the one before is proven by a checkpoint', async () => {
  const lines = await linesOf(place.whole);
  for (const index of [4, 10]) {
    const forged = entryLine(index, entryTime(0), genesis('elsewhere'), '{"type":"call.permitted"}');
    await assertBroken(lines.with(index, forged), index);
  }
});

test('S4 a file in the middle that lacks its last line feed is damage', async () => {
  await copyFolder(place.whole, place.copy);
  const path = join(place.copy, files[0]?.name ?? '');
  await writeFile(path, (await readFile(path, 'utf8')).trimEnd());
  const { firstBroken } = await verifyAuditLog(place.copy, { publicKey });
  assert.deepEqual([firstBroken?.index, firstBroken?.file], [4, files[0]?.name]);
});

test('S4 any octet changed in a stored checkpoint, the origin or the key of the folder is found', async () => {
  for (const name of ['checkpoint', 'checkpoints.txt', 'origin.txt']) {
    const whole = await readFile(join(place.whole, name));
    for (let at = 0; at < whole.length; at += 7) {
      // A last note of the history that lost a line looks as a crash leaves it; `checkpoint` has the same note.
      if (name === 'checkpoints.txt' && at > whole.length / 2 && whole[at] === 0x0a) continue;
      await copyFolder(place.whole, place.copy);
      const bytes = Buffer.from(whole);
      bytes[at] = (bytes[at] ?? 0) ^ 4;
      await writeFile(join(place.copy, name), bytes);
      assert.equal((await verifyAuditLog(place.copy, { publicKey })).ok, false, `${name}, octet ${at}`);
    }
  }
});

/** Writes lines as the files of `makeLog` and verifies them. */
async function assertBroken(lines: readonly string[], index: number): Promise<{ reason: string }> {
  await copyFolder(place.whole, place.copy);
  for (const [at, { name, first }] of files.entries()) {
    const part = lines.slice(first, files[at + 1]?.first);
    if (part.length === 0) await rm(join(place.copy, name));
    else await writeFile(join(place.copy, name), part.map((line) => `${line}\n`).join(''));
  }
  const { ok, firstBroken } = await verifyAuditLog(place.copy, { publicKey });
  assert.equal(ok, false);
  assert.ok(firstBroken);
  assert.equal(firstBroken.index, index, firstBroken.reason);
  return firstBroken;
}

/** The log that a forger would make: one event changed, everything after it linked anew. */
function rewrittenFrom(lines: readonly string[], index: number): readonly string[] {
  const written = lines.slice(0, index);
  for (const line of lines.slice(index)) {
    const { event, time } = readEntry(line);
    const last = written.at(-1);
    const previous = last === undefined ? genesis('example.internal/gateway') : linkOf(leafHash(last));
    const text = canonicalJson(written.length === index ? { ...event, agent: 'mallory' } : event);
    written.push(entryLine(written.length, time, previous, text));
  }
  return written;
}
