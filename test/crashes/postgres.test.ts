import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { after, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { openPostgresStore } from '../../src/app/store/open-store.ts';
import type { Store } from '../../src/app/store/store.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { reserved } from '../contracts/certificate-records.contract.ts';
import { isFault } from '../contracts/is-fault.ts';
import { openOn, placeOf } from '../contracts/postgres-store.ts';
import { startCutProxy } from '../interop/cut-proxy.ts';
import { startPostgres } from '../interop/start-postgres.ts';

// A server that reports commits long before they are on its disk, unless it is told better.
const settings = ['synchronous_commit = off', `wal_writer_delay = '10s'`];
const postgres = await startPostgres({ user: 'countersign', durable: true, settings });
after(() => postgres[Symbol.asyncDispose]());

test('S4 kill -9 of a writer on PostgreSQL, and of one that makes the tables, loses nothing that was reported durable', async () => {
  const database = await postgres.createDatabase();
  const told: string[] = [];
  for (const [round, most] of [0, 0, 1, 2, 3, 25].entries()) {
    const writer = startWriter(database, (0x10 + round).toString(16));
    // The first are killed anywhere in their start.
    if (most === 0) await wait(round * 400 + 300);
    told.push(...(await linesOf(writer, most)));
    writer.child.kill('SIGKILL');
    await writer.ended;
    await using store = await openExisting(database);
    await checkTold(store, told);
    await checkChanges(store);
  }
  assert.ok(told.length >= 31);
});

test('S4 a crash of the server under writes loses nothing that was reported durable, and the writer goes on by itself', async () => {
  const database = await postgres.createDatabase();
  const writer = startWriter(database, 'aa');
  const told: string[] = [];
  for (const most of [5, 9, 30]) {
    told.push(...(await linesOf(writer, most)));
    await postgres.stop('immediate');
    await postgres.start();
  }
  told.push(...(await linesOf(writer, 10)));
  writer.child.kill('SIGKILL');
  await writer.ended;
  told.push(...writer.rest());
  await using store = await openExisting(database);
  await checkTold(store, told);
  await checkChanges(store);
});

test('S4 a connection that is lost during a commit: what was made is said to be, and what was not is not', async () => {
  const database = await postgres.createDatabase();
  await using proxy = await startCutProxy(postgres);
  const place = { ...placeOf(postgres, database), hosts: [{ host: '127.0.0.1', port: proxy.port }] };
  const opening = { place, clock: systemClock, missing: 'create', log: () => undefined } as const;
  await using store = await openPostgresStore(opening);
  await store.meta.set('before', 'yes');
  proxy.cut = { at: 'COMMIT', reaches: true };
  await store.meta.set('made', 'yes');
  assert.equal(proxy.cut, null);
  assert.equal(await store.meta.get('made'), 'yes');
  proxy.cut = { at: 'COMMIT', reaches: false };
  await assert.rejects(store.meta.set('not made', 'yes'), isFault('unavailable'));
  assert.equal(await store.meta.get('not made'), null);
  // Before it is in the midst of anything, it is simply done over another connection.
  proxy.cutAll();
  await store.meta.set('after', 'yes');
  assert.equal(await store.meta.get('after'), 'yes');
});

test('S4 while nobody answers the changes of others count as not heard, writes are refused, and both mend', async () => {
  const database = await postgres.createDatabase();
  await using proxy = await startCutProxy(postgres);
  const place = { ...placeOf(postgres, database), hosts: [{ host: '127.0.0.1', port: proxy.port }] };
  const lines: string[] = [];
  const log = (line: string): void => void lines.push(line);
  await using store = await openPostgresStore({ place, clock: systemClock, missing: 'create', log });
  const heard: string[] = [];
  store.changes.subscribe(({ key }) => void heard.push(key));
  proxy.open = false;
  proxy.cutAll();
  await assert.rejects(store.meta.set('a', 'b'), isFault('unavailable'));
  await assert.rejects(store.meta.get('a'), isFault('unavailable'));
  await eventually(() => assert.equal(store.changes.isCurrent(), false));
  {
    await using other = await openExisting(database);
    await other.servers.put(server('meanwhile'), 1);
  }
  proxy.open = true;
  await eventually(() => assert.equal(store.changes.isCurrent(), true));
  await eventually(() => assert.deepEqual(heard, ['meanwhile']));
  await store.meta.set('a', 'b');
  assert.equal(lines.length, 2, lines.join('\n'));
});

test('S4 an authority that falls silent in the midst of a write holds the others up for seconds and no longer', async () => {
  const database = await postgres.createDatabase();
  await using store = await openOn(postgres, database, systemClock);
  const writer = startWriter(database, 'ff', 'silent');
  assert.deepEqual(await linesOf(writer, 1), ['writing']);
  await store.meta.set('after', 'yes');
  assert.equal(await store.partners.find('silent'), null);
  writer.child.kill('SIGKILL');
  await writer.ended;
});

test('S4 a server that lacks what was reported durable is refused by whoever knows better, and taken as it is by who begins anew', async () => {
  for (const tells of [true, false]) {
    const database = await postgres.createDatabase();
    await using store = await openOn(postgres, database, systemClock);
    await store.servers.put(server('kept'), 1);
    await postgres.stop('fast');
    await postgres.keep();
    await postgres.start();
    // With a change that is told, and without.
    await eventuallyAsync(() =>
      tells ? store.servers.put(server('lost'), 1) : store.meta.set('lost', 'yes'),
    );
    await postgres.stop('fast');
    await postgres.putBack();
    await postgres.start();
    {
      await using other = await openExisting(database);
      await other.servers.put(server('in its place'), 1);
      await assert.rejects(store.meta.set('a', 'b'), isFault('state_damaged'));
      await assert.rejects(store.servers.list(), isFault('state_damaged'));
      assert.deepEqual(
        (await other.servers.list()).map(({ name }) => name),
        ['in its place', 'kept'],
      );
    }
  }
});

interface Writer {
  readonly child: ChildProcessByStdio<null, Readable, null>;
  readonly ended: Promise<unknown>;
  readonly lines: AsyncIterator<string>;
  /** What it said last, once it has ended. */
  rest(): readonly string[];
}

function startWriter(database: string, prefix: string, way = ''): Writer {
  const script = join(import.meta.dirname, 'postgres-writer.ts');
  const child = spawn(process.execPath, [script, String(postgres.port), database, prefix, way], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const waiting: string[] = [];
  const wakes: (() => void)[] = [];
  const state = { over: false };
  const wake = (): void => {
    for (const each of wakes.splice(0)) each();
  };
  const reader = createInterface({ input: child.stdout });
  reader.on('line', (line) => {
    waiting.push(line);
    wake();
  });
  reader.on('close', () => {
    state.over = true;
    wake();
  });
  return {
    child,
    ended: Promise.all([once(child, 'exit'), once(reader, 'close')]),
    rest: () => waiting.splice(0),
    lines: {
      async next() {
        while (waiting.length === 0 && !state.over)
          await new Promise<void>((resolve) => void wakes.push(resolve));
        const value = waiting.shift();
        return value === undefined ? { done: true, value: undefined } : { done: false, value };
      },
    },
  };
}

async function linesOf({ lines }: Writer, most: number): Promise<readonly string[]> {
  const told: string[] = [];
  while (told.length < most) {
    const { done, value } = await lines.next();
    if (done) break;
    told.push(value);
  }
  return told;
}

/** A store on a database that may hold something already, or nothing at all. */
async function openExisting(database: string): Promise<Store> {
  const opening = { place: placeOf(postgres, database), clock: systemClock, log: () => undefined };
  return await openPostgresStore({ ...opening, missing: 'refuse' }).catch((error: unknown) => {
    if (!isFault('authority_missing')(error)) throw error;
    return openPostgresStore({ ...opening, missing: 'create' });
  });
}

/** What was reported is there, and its serial cannot be had again. */
async function checkTold(store: Store, told: readonly string[]): Promise<void> {
  for (const line of told) {
    const [act = '', serial = ''] = line.split(' ');
    const record = await store.certificates.find(serial);
    assert.ok(record, `${line} is missing`);
    if (act === 'issued') assert.deepEqual([record.state, record.der?.length], ['issued', 900]);
    await assert.rejects(store.certificates.reserve(reserved({ serial })), isFault('conflict'));
  }
}

/** A change is in the feed exactly when it is in its table, and none is left out. */
async function checkChanges(store: Store): Promise<void> {
  const changes = await store.changes.since(0);
  const reservations = changes.filter(({ value }) => value === null).map(({ key }) => key);
  const all = await store.certificates.list({});
  assert.deepEqual(reservations.toSorted(), all.map(({ serial }) => serial).toSorted());
  assert.deepEqual(
    changes.map(({ sequence }) => sequence),
    changes.map((_, at) => at + 1),
  );
}

async function eventually(check: () => void): Promise<void> {
  await eventuallyAsync(async () => check());
}

async function eventuallyAsync(check: () => Promise<unknown>): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await check();
      return;
    } catch (error) {
      if (tries > 300) throw error;
      await wait(100);
    }
  }
}

function server(name: string): Parameters<Store['servers']['put']>[0] {
  return {
    name,
    description: 'files',
    transport: 'stdio',
    era: 'auto',
    command: ['mcp-server-files', '/srv'],
    directory: null,
    environment: {},
  };
}
