import assert from 'node:assert/strict';
import { appendFile, chmod, mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { steppedClock } from '../../kernel/clock.ts';
import type { Use } from './flow-memory.ts';
import { openFlowJournal } from './flow-journal.ts';

const minute = 60_000;
const how = { quiet: 60 * minute, longest: 24 * 60 * minute, working: false };
const alice = { families: ['bot'], person: 'alice' };
const use: Use = {
  at: 1_000,
  agent: 'bot',
  server: 'files',
  method: 'tools/call',
  target: 'read',
  exchange: 'e1',
};

async function inFolder(work: (path: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-flow-'));
  try {
    await work(join(folder, 'flows.jsonl'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test('A6 what was used is known after a restart, and the task counts as at work then (attack: crash the gateway)', async () => {
  await inFolder(async (path) => {
    const clock = steppedClock(1_000);
    {
      await using journal = await openFlowJournal(path, clock);
      await journal.remember(alice, ['private', 'untrusted'], use);
      await journal.remember({ families: ['bot', 'clerk'], person: null }, ['private'], {
        ...use,
        at: 2_000,
      });
    }
    clock.advance(50 * minute);
    await using again = await openFlowJournal(path, clock);
    clock.advance(50 * minute);
    const recalled = await again.recall(alice, how);
    assert.deepEqual(recalled.labels, ['private', 'untrusted']);
    assert.deepEqual(recalled.use('untrusted'), use);
    assert.deepEqual((await again.recall({ families: ['clerk'], person: 'bob' }, how)).labels, ['private']);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
  });
});

test('A6 a use is in the file when it is remembered, one by one and many at once', async () => {
  await inFolder(async (path) => {
    const clock = steppedClock(1_000);
    await using journal = await openFlowJournal(path, clock);
    const written = async (): Promise<number> => (await readFile(path, 'utf8')).split('\n').length - 1;
    await journal.remember(alice, ['private'], use);
    assert.equal(await written(), 1);
    // Known already: nothing waits for the disk.
    assert.equal(journal.remember(alice, ['private'], use), undefined);
    const all = Array.from({ length: 50 }, (_, at) =>
      journal.remember({ ...alice, person: `p${at}` }, ['private'], use),
    );
    // The same use again waits for the one that is being written.
    const same = journal.remember({ ...alice, person: 'p49' }, ['private'], use);
    assert.ok(same instanceof Promise);
    await same;
    assert.equal(await written(), 51);
    for (const each of all) await each;
    clock.advance(6 * minute);
    await journal.remember(alice, ['private'], { ...use, at: clock.now() });
    assert.equal(await written(), 52);
  });
});

test('A6 a line that a crash cut off is passed over, and a file that cannot be read ends the start', async () => {
  await inFolder(async (path) => {
    const clock = steppedClock(1_000);
    {
      await using journal = await openFlowJournal(path, clock);
      await journal.remember(alice, ['private'], use);
    }
    await appendFile(path, '{"family":"bot","pers');
    {
      await using again = await openFlowJournal(path, clock);
      assert.deepEqual((await again.recall(alice, how)).labels, ['private']);
      // What is written next does not stand behind the torn line.
      await again.remember(alice, ['untrusted'], use);
    }
    {
      await using third = await openFlowJournal(path, clock);
      assert.deepEqual((await third.recall(alice, how)).labels, ['private', 'untrusted']);
    }
    for (const wrong of ['nonsense\n', '{"family":1}\n', '[]\n', '\n']) {
      const before = await readFile(path);
      await appendFile(path, wrong);
      await assert.rejects(openFlowJournal(path, clock), { code: 'state_damaged' }, wrong);
      await rm(path);
      await appendFile(path, before, { mode: 0o600 });
    }
    await chmod(path, 0o644);
    await assert.rejects(openFlowJournal(path, clock), { code: 'file_mode' });
  });
});

test('A6 what cannot be written down may not happen, and may once the disk is there again', async () => {
  await inFolder(async (path) => {
    const clock = steppedClock(1_000);
    await mkdir(path);
    await assert.rejects(openFlowJournal(path, clock));
    await rm(path, { recursive: true });
    await using journal = await openFlowJournal(path, clock);
    await mkdir(path);
    await assert.rejects(async () => journal.remember(alice, ['private'], use), { code: 'unavailable' });
    assert.deepEqual((await journal.recall(alice, how)).labels, ['private'], 'and counts all the same');
    await rm(path, { recursive: true });
    await journal.remember(alice, ['private'], use);
    assert.match(await readFile(path, 'utf8'), /"label":"private"/);
  });
});
