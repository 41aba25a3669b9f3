import assert from 'node:assert/strict';
import { appendFile, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { appendCalls, linesOf, makeLog, openLog, temporaryFolder } from '../audit/log.fixture.ts';
import { steppedClock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import { exporting, memoryDestination, until, upTo } from './exporter.fixture.ts';

test('S4 brings every entry to the destination as it stands in the log, in order, across its files', async () => {
  await using folder = await temporaryFolder();
  await makeLog(folder.path);
  const destination = memoryDestination();
  await using stack = new AsyncDisposableStack();
  stack.use(exporting(folder.path, destination).exporter);
  await until(() => destination.taken().length === 14);
  assert.deepEqual(destination.taken(), upTo(14));
  const lines = destination.batches.flatMap(({ entries }) => entries.map(({ line }) => line));
  assert.deepEqual(lines, await linesOf(folder.path));
  assert.ok(destination.batches.every(({ entries }) => entries.length <= 4));
});

test('S4 sends nothing that no checkpoint covers: its writer may still take it back', async () => {
  await using folder = await temporaryFolder();
  await using log = await openLog(folder.path, { checkpointMilliseconds: 3_600_000 });
  await appendCalls(log, 2);
  await log.checkpoint();
  await appendCalls(log, 5);
  const destination = memoryDestination();
  await using stack = new AsyncDisposableStack();
  const { exporter } = exporting(folder.path, destination);
  stack.use(exporter);
  await until(() => destination.taken().length === 3);
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.deepEqual(destination.taken(), upTo(3));
  assert.equal(exporter.status().lagEntries, 0);
  await log.checkpoint();
  await until(() => destination.taken().length === 8);
});

test('S4 goes on where it was, in another process too', async () => {
  await using folder = await temporaryFolder();
  await makeLog(folder.path);
  const first = memoryDestination();
  const { exporter } = exporting(folder.path, first);
  await until(() => first.taken().length === 14);
  await exporter[Symbol.asyncDispose]();
  await using log = await openLog(folder.path, { segmentEntries: 5 });
  await log.checkpoint();
  const second = memoryDestination();
  await using stack = new AsyncDisposableStack();
  stack.use(exporting(folder.path, second).exporter);
  await until(() => second.taken().length === 1);
  assert.deepEqual(second.taken(), [14]);
});

test('S4 sends a batch again with the same bounds when it was sent and the acknowledgement was lost', async () => {
  await using folder = await temporaryFolder();
  await makeLog(folder.path);
  const destination = memoryDestination();
  const seen: string[] = [];
  destination.answer = ({ entries }) => {
    seen.push(entries.map(({ index }) => index).join());
    return new Promise(() => undefined);
  };
  const died = exporting(folder.path, destination).exporter;
  await until(() => seen.length === 1);
  // Never disposed: as if the process had been killed. What it left is its file.
  void died;
  const again = memoryDestination();
  const limits = { entries: 2, octets: 1_000, milliseconds: 0 };
  await using stack = new AsyncDisposableStack();
  stack.use(exporting(folder.path, again, { limits }).exporter);
  await until(() => again.taken().length === 14);
  assert.equal(again.batches[0]?.entries.map(({ index }) => index).join(), seen[0]);
  assert.deepEqual(again.taken(), upTo(14));
});

test('S4 a destination that was down gets everything once it is up, and one batch is held at the most', async () => {
  await using folder = await temporaryFolder();
  await using log = await openLog(folder.path);
  const destination = memoryDestination();
  let up = false;
  let underWay = 0;
  let most = 0;
  destination.answer = async ({ entries }) => {
    underWay += entries.length;
    most = Math.max(most, underWay);
    await new Promise((resolve) => setTimeout(resolve, 1));
    underWay -= entries.length;
    if (!up) throw new Fault('unavailable', 'It is down.');
  };
  await using stack = new AsyncDisposableStack();
  const { exporter, said } = exporting(folder.path, destination);
  stack.use(exporter);
  // The writer waits for nobody: all of these are written while nothing is taken.
  await appendCalls(log, 50);
  await log.checkpoint();
  await until(() => exporter.status().state === 'failing' && exporter.status().lagEntries === 51);
  assert.equal(exporter.status().problem, 'It is down.');
  up = true;
  await until(() => destination.taken().length === 51);
  assert.deepEqual(destination.taken(), upTo(51));
  assert.equal(most, 4);
  assert.equal(exporter.status().state, 'exporting');
  assert.equal(said.length, 2);
});

test('S4 stops before an entry that is refused for good, says so once, and goes on when it is taken', async () => {
  await using folder = await temporaryFolder();
  await makeLog(folder.path);
  const destination = memoryDestination();
  let poison = 6;
  destination.answer = ({ entries }) =>
    entries.some(({ index }) => index === poison)
      ? Promise.reject(new Fault('export_refused', 'status 400'))
      : Promise.resolve();
  await using stack = new AsyncDisposableStack();
  const { exporter, events } = exporting(folder.path, destination);
  stack.use(exporter);
  await until(() => exporter.status().state === 'stopped');
  assert.deepEqual(destination.taken(), upTo(6));
  assert.deepEqual(events, [
    {
      type: 'export.stopped',
      destination: 'siem',
      log: 'example.internal/gateway',
      entry: 6,
      reason: 'status 400',
    },
  ]);
  poison = -1;
  await until(() => destination.taken().length === 14);
  assert.deepEqual(destination.taken(), upTo(14));
  assert.equal(events[1]?.type, 'export.resumed');
  assert.equal(events.length, 2);
});

test('S4 leaves out what is refused only where that was chosen, and writes down which entry it was', async () => {
  await using folder = await temporaryFolder();
  await makeLog(folder.path);
  const destination = memoryDestination();
  destination.answer = ({ entries }) =>
    entries.some(({ index }) => index === 6)
      ? Promise.reject(new Fault('export_refused', 'status 422'))
      : Promise.resolve();
  await using stack = new AsyncDisposableStack();
  const { exporter, events } = exporting(folder.path, destination, { refused: 'set-aside' });
  stack.use(exporter);
  await until(() => destination.taken().length === 13);
  assert.deepEqual(destination.taken(), [...upTo(6), ...upTo(14, 7)]);
  assert.deepEqual(
    events.map(({ type, entry }) => [type, entry]),
    [['export.set-aside', 6]],
  );
});

test('S4 tells when the oldest entry waits too long, and when that is over', async () => {
  await using folder = await temporaryFolder();
  await makeLog(folder.path);
  const clock = steppedClock(Date.parse('2026-11-24T10:00:00.000Z'));
  const destination = memoryDestination();
  let up = false;
  destination.answer = () =>
    up ? Promise.resolve() : Promise.reject(new Fault('unavailable', 'It is down.'));
  await using stack = new AsyncDisposableStack();
  const { exporter, events } = exporting(folder.path, destination, { clock, lagMilliseconds: 60_000 });
  stack.use(exporter);
  await until(() => exporter.status().state === 'failing');
  assert.equal(exporter.status().behind, false);
  clock.advance(61_000);
  await until(() => exporter.status().behind);
  up = true;
  await until(() => destination.taken().length === 14 && events.length === 2);
  assert.deepEqual(
    events.map(({ type, entries }) => [type, entries]),
    [
      ['export.behind', 14],
      ['export.resumed', undefined],
    ],
  );
});

test('S4 waits for others to send an entry with, unless the clock was put back', async () => {
  await using folder = await temporaryFolder();
  await makeLog(folder.path);
  const clock = steppedClock(Date.parse('2026-11-24T10:00:00.000Z'));
  const destination = memoryDestination();
  const limits = { entries: 100, octets: 1_000_000, milliseconds: 5_000 };
  await using stack = new AsyncDisposableStack();
  const { exporter } = exporting(folder.path, destination, { clock, limits });
  stack.use(exporter);
  await until(() => exporter.status().lagEntries === 14);
  assert.deepEqual(destination.taken(), []);
  clock.advance(-10);
  await until(() => destination.taken().length === 14);
});

test('S4 does not go on with a log whose entries are not those that were exported', async () => {
  await using folder = await temporaryFolder();
  await makeLog(folder.path);
  const destination = memoryDestination();
  const { exporter } = exporting(folder.path, destination, {
    limits: { entries: 100, octets: 1_000_000, milliseconds: 0 },
  });
  await until(() => destination.taken().length === 14);
  await exporter[Symbol.asyncDispose]();
  const file = join(folder.path, 'exports/siem.json');
  const kept = JSON.parse(await readFile(file, 'utf8')) as { previous: string };
  await writeFile(file, JSON.stringify({ ...kept, previous: `A${kept.previous.slice(1)}` }));
  await using log = await openLog(folder.path, { segmentEntries: 5 });
  await log.checkpoint();
  await using stack = new AsyncDisposableStack();
  const next = exporting(folder.path, destination).exporter;
  stack.use(next);
  await until(() => next.status().state === 'failing');
  assert.match(next.status().problem ?? '', /Entry 14 does not follow/);
  assert.equal(destination.taken().length, 14);
});

test('S4 a place that cannot be read is named, and removed it has everything exported again', async () => {
  await using folder = await temporaryFolder();
  await makeLog(folder.path);
  const destination = memoryDestination();
  const { exporter } = exporting(folder.path, destination);
  await until(() => destination.taken().length === 14);
  await exporter[Symbol.asyncDispose]();
  const file = join(folder.path, 'exports/siem.json');
  await appendFile(file, 'x');
  await using stack = new AsyncDisposableStack();
  const next = exporting(folder.path, destination).exporter;
  stack.use(next);
  await until(() => next.status().problem !== null);
  assert.match(next.status().problem ?? '', /exports\/siem\.json/);
  await rm(file);
  await until(() => destination.taken().length === 28);
});
