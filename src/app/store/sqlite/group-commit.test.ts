import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { type GroupCommit, groupCommit } from './group-commit.ts';

interface Bench {
  readonly group: GroupCommit;
  /** Adds a row and then does `more`. */
  put(name: string, more?: () => void): Promise<string>;
  /** What another connection sees. */
  seen(): readonly string[];
  readonly database: DatabaseSync;
  readonly other: DatabaseSync;
  readonly told: string[];
}

async function withGroup(use: (bench: Bench) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-group-'));
  const file = join(folder, 'state.db');
  const database = new DatabaseSync(file, { timeout: 50 });
  database.exec('PRAGMA journal_mode = WAL; CREATE TABLE t (name TEXT PRIMARY KEY) STRICT');
  const other = new DatabaseSync(file, { timeout: 50 });
  const group = groupCommit(database, file);
  const told: string[] = [];
  try {
    await use({
      group,
      database,
      other,
      told,
      put: (name, more) =>
        group.add(
          () => {
            database.prepare('INSERT INTO t VALUES (?)').run(name);
            more?.();
            return name;
          },
          () => void told.push(name),
        ),
      seen: () =>
        other
          .prepare('SELECT name FROM t ORDER BY rowid')
          .all()
          .map(({ name }) => String(name)),
    });
  } finally {
    database.close();
    other.close();
    await rm(folder, { recursive: true });
  }
}

const names = Array.from({ length: 100 }, (_, at) => `n${at}`);

test('S4 writers that come together become durable together, in their order, before any of them goes on', async () => {
  await withGroup(async ({ put, seen, told }) => {
    const seenByFirst: (readonly string[])[] = [];
    const written = names.map(async (name) => {
      const result = await put(name);
      if (name === 'n0') seenByFirst.push(seen(), told.slice());
      return result;
    });
    assert.deepEqual(seen(), []);
    assert.deepEqual(await Promise.all(written), names);
    assert.deepEqual(seen(), names);
    assert.deepEqual(seenByFirst, [names, names]);
  });
});

test('one writer that fails takes back what it did, and nothing else', async () => {
  await withGroup(async ({ put, seen, told }) => {
    const fails = (): void => {
      throw new Error('no');
    };
    const outcomes = await Promise.allSettled([put('a'), put('b', fails), put('c'), put('a'), put('d')]);
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled'],
    );
    assert.deepEqual(seen(), ['a', 'c', 'd']);
    assert.deepEqual(told, ['a', 'c', 'd']);
    await assert.rejects(put('e', fails), /no/);
    assert.deepEqual(seen(), ['a', 'c', 'd']);
  });
});

test('when the transaction cannot be had nobody believes to have written, and the next ones do', async () => {
  await withGroup(async ({ put, seen, told, other }) => {
    other.exec('BEGIN IMMEDIATE');
    const outcomes = await Promise.allSettled(names.map((name) => put(name)));
    for (const outcome of outcomes) {
      assert.equal(outcome.status, 'rejected');
      assert.equal(outcome.reason.code, 'state_locked');
    }
    other.exec('ROLLBACK');
    assert.deepEqual([seen(), told], [[], []]);
    await put('after');
    assert.deepEqual(seen(), ['after']);
  });
});

test('a writer within which SQLite ended the transaction, as on a full disk, makes all of the group fail', async () => {
  await withGroup(async ({ put, seen, told, database }) => {
    const ends = (): void => {
      database.exec('ROLLBACK');
      throw new Error('the disk is full');
    };
    const outcomes = await Promise.allSettled([put('a'), put('b', ends), put('c')]);
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['rejected', 'rejected', 'rejected'],
    );
    assert.deepEqual([seen(), told], [[], []]);
    await put('d');
    assert.deepEqual(seen(), ['d']);
  });
});

test('what was given is written at once when the store is closed', async () => {
  await withGroup(async ({ put, seen, group }) => {
    const written = put('last');
    group.flush();
    assert.deepEqual(seen(), ['last']);
    assert.equal(await written, 'last');
  });
});
