import assert from 'node:assert/strict';
import { appendFile, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Entry } from './entry.ts';
import { appendCalls, isFault, linesOf, makeLog, openLog, temporaryFolder } from './log.fixture.ts';
import { tailLog } from './tail.ts';

test('S4 a log is read from any entry on, across its files', async () => {
  await using folder = await temporaryFolder();
  await makeLog(folder.path);
  for (const from of [0, 4, 5, 13, 14, 99]) {
    const entries = await collect(tailLog(folder.path, { from, follow: false }));
    const expected = Array.from({ length: Math.max(0, 14 - from) }, (_, at) => from + at);
    assert.deepEqual(
      entries.map(({ index }) => index),
      expected,
    );
  }
  assert.deepEqual(await collect(tailLog(folder.path, { from: 'end', follow: false })), []);
  assert.equal((await collect(tailLog(folder.path, { follow: false }))).length, 14);
});

test('S4 a followed log gives every entry once and in order, across rotation', async () => {
  await using folder = await temporaryFolder();
  await using log = await openLog(folder.path, { segmentEntries: 4 });
  await appendCalls(log, 2);
  const writing = appendCalls(log, 60);
  const stop = new AbortController();
  const seen: number[] = [];
  for await (const { index } of tailLog(folder.path, { from: 2, follow: true, signal: stop.signal })) {
    seen.push(index);
    if (index === 62) stop.abort();
  }
  await writing;
  assert.deepEqual(
    seen,
    Array.from({ length: 61 }, (_, at) => at + 2),
  );
});

test('S4 following from the end gives only what comes', async () => {
  await using folder = await temporaryFolder();
  await makeLog(folder.path);
  await using log = await openLog(folder.path, { segmentEntries: 5 });
  const stop = new AbortController();
  const entries = tailLog(folder.path, { from: 'end', follow: true, signal: stop.signal });
  const first = entries.next();
  // The reader finds the end on its own; entries are written until it has seen one.
  const seen = { any: false };
  const got = first.then((result) => {
    seen.any = true;
    return result;
  });
  while (!seen.any) {
    await log.append({ type: 'call.failed' });
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const { value } = (await got) as { value: Entry };
  assert.equal(value.event.type, 'call.failed');
  stop.abort();
  assert.equal((await entries.next()).done, true);
});

test('S4 an entry is given when it is whole, and what was taken back is read anew', async () => {
  await using folder = await temporaryFolder();
  await makeLog(folder.path);
  const path = join(folder.path, 'log-00000000000000000010.jsonl');
  const whole = await readFile(path, 'utf8');
  const last = (await linesOf(folder.path)).at(-1) ?? '';
  await writeFile(path, whole.slice(0, -last.length - 1));
  await appendFile(path, last.slice(0, 20));
  const stop = new AbortController();
  const entries = tailLog(folder.path, { from: 12, follow: true, signal: stop.signal });
  assert.equal(((await entries.next()).value as Entry).index, 12);
  const next = entries.next();
  await appendFile(path, `${last.slice(20)}\n`);
  assert.equal(((await next).value as Entry).index, 13);
  await truncate(path, whole.length - last.length - 1);
  const again = entries.next();
  await new Promise((resolve) => setTimeout(resolve, 250));
  await appendFile(path, `${last}\n`);
  assert.equal(((await again).value as Entry).index, 13);
  stop.abort();
  await entries.return(undefined);
});

test('S4 a folder without a log, and a line that is no entry, are said to be so', async () => {
  await using folder = await temporaryFolder();
  await assert.rejects(collect(tailLog(folder.path, { follow: false })), isFault('not_found'));
  await makeLog(folder.path);
  await appendFile(join(folder.path, 'log-00000000000000000010.jsonl'), 'nonsense\n');
  await assert.rejects(collect(tailLog(folder.path, { follow: false })), isFault('audit_broken'));
});

async function collect(entries: AsyncIterable<Entry>): Promise<readonly Entry[]> {
  const all: Entry[] = [];
  for await (const entry of entries) all.push(entry);
  return all;
}
