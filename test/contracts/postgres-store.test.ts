import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { openPostgresStore } from '../../src/app/store/open-store.ts';
import type { Change } from '../../src/app/store/change-feed.ts';
import type { Store } from '../../src/app/store/store.ts';
import { steppedClock, systemClock } from '../../src/kernel/clock.ts';
import { startPostgres } from '../interop/start-postgres.ts';
import { reserved } from './certificate-records.contract.ts';
import { isFault } from './is-fault.ts';
import { joinToken } from './join-token-records.contract.ts';
import { openOn, placeOf } from './postgres-store.ts';

const postgres = await startPostgres({ user: 'countersign' });
after(() => postgres[Symbol.asyncDispose]());

/** Two authorities on one empty database. */
async function withTwo(use: (one: Store, two: Store, database: string) => Promise<void>): Promise<void> {
  const database = await postgres.createDatabase();
  const [one, two] = await Promise.all([openOn(postgres, database), openOn(postgres, database)]);
  try {
    await use(one, two, database);
  } finally {
    await Promise.all([one, two].map((store) => store[Symbol.asyncDispose]()));
  }
}

function hearing(store: Store): Change[] {
  const heard: Change[] = [];
  store.changes.subscribe((change) => void heard.push(change));
  return heard;
}

async function until(done: () => boolean): Promise<void> {
  for (let tries = 0; !done(); tries++) {
    assert.ok(tries < 3_000, 'it never came');
    await wait(10);
  }
}

const names = (count: number, prefix: string): readonly string[] =>
  Array.from({ length: count }, (_, at) => `${prefix}${at}`);

test('S4 of two authorities that begin on an empty database at once one makes its tables, and both hear every change once, in order, without a hole', async () => {
  await withTwo(async (one, two) => {
    const heard = [hearing(one), hearing(two)];
    const put = (store: Store, name: string): Promise<void> => store.servers.put(server(name), 1);
    await Promise.all([
      ...names(100, 'a').map((name) => put(one, name)),
      ...names(100, 'b').map((name) => put(two, name)),
    ]);
    // Whoever wrote has heard of it, and of everything before it.
    await until(() => heard.every((changes) => changes.length === 200));
    const [first = [], second = []] = heard;
    assert.deepEqual(
      first.map(({ sequence }) => sequence),
      Array.from({ length: 200 }, (_, at) => at + 1),
    );
    assert.deepEqual(first, second);
    assert.deepEqual(await two.changes.since(0), first);
  });
});

test('S4 an authority has heard of its own change, and of all before it, when its write is done', async () => {
  await withTwo(async (one, two) => {
    const heard = hearing(two);
    for (let at = 0; at < 20; at++) {
      await one.servers.put(server(`a${at}`), 1);
      await two.servers.put(server(`b${at}`), 1);
      assert.deepEqual(heard.at(-1)?.key, `b${at}`);
      assert.equal(heard.length, 2 * at + 2);
    }
  });
});

test('S4 while two authorities write, a follower reads no change before the ones with lower numbers', async () => {
  await withTwo(async (one, two) => {
    const state = { writing: true };
    const follow = async (): Promise<void> => {
      let last = 0;
      while (state.writing) {
        for (const { sequence } of await one.changes.since(last)) {
          assert.equal(sequence, last + 1);
          last = sequence;
        }
      }
    };
    const followed = follow();
    for (let round = 0; round < 10; round++) {
      await Promise.all(
        [one, two].flatMap((store, at) =>
          names(20, `${at}-${round}-`).map((name) => store.servers.put(server(name), 1)),
        ),
      );
    }
    state.writing = false;
    await followed;
  });
});

test('S4 a serial is reserved, and a join token used, by one of many at two authorities', async () => {
  await withTwo(async (one, two) => {
    await one.joinTokens.add(joinToken({ id: 'once' }));
    const both = [one, two].flatMap((store) => Array.from({ length: 25 }, () => store));
    const reservations = await Promise.allSettled(
      both.map((store) => store.certificates.reserve(reserved({ serial: '0a' }))),
    );
    assert.equal(reservations.filter(({ status }) => status === 'fulfilled').length, 1);
    for (const outcome of reservations)
      if (outcome.status === 'rejected')
        assert.ok(isFault('conflict')(outcome.reason), String(outcome.reason));
    const uses = await Promise.all(
      both.map((store) => store.joinTokens.use('once', { name: 'bot', agent: null }, 1_000)),
    );
    assert.equal(uses.filter(Boolean).length, 1);
  });
});

test('S4 of writes that become durable together one that fails takes back what it did, and nothing else', async () => {
  await withTwo(async (one, two) => {
    const outcomes = await Promise.allSettled(
      ['a', 'b', 'a', 'c'].map((name) => one.servers.put(server(name), 1)),
    );
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'fulfilled', 'rejected', 'fulfilled'],
    );
    assert.deepEqual(
      (await two.changes.since(0)).map(({ sequence, key }) => [sequence, key]),
      [
        [1, 'a'],
        [2, 'b'],
        [3, 'c'],
      ],
    );
  });
});

test('S4 a change of which nobody was woken is heard all the same', async () => {
  await withTwo(async (one, _two, database) => {
    const heard = hearing(one);
    await postgres.sql(
      database,
      `BEGIN; UPDATE change_number SET last = 1; INSERT INTO changes VALUES (1, 1, 'server', 'quiet', NULL); COMMIT`,
    );
    await until(() => heard.length === 1);
    assert.equal(heard[0]?.key, 'quiet');
  });
});

test('S4 whoever catches up has heard of what another authority was told is durable', async () => {
  await withTwo(async (one, two) => {
    const heard = hearing(two);
    for (let at = 0; at < 20; at++) {
      await one.servers.put(server(`a${at}`), 1);
      await two.changes.catchUp();
      assert.equal(heard.at(-1)?.key, `a${at}`);
    }
    assert.equal(two.changes.isCurrent(), true);
  });
});

test('S4 a snapshot is of one moment, while another authority writes', async () => {
  await withTwo(async (one, two) => {
    const state = { writing: true };
    const write = async (): Promise<void> => {
      for (let at = 0; state.writing; at++) await two.servers.put(server(`s${at}`), 1);
    };
    const written = write();
    for (let round = 0; round < 50; round++) {
      const { sequence, servers } = await one.changes.snapshot();
      assert.equal(servers.length, sequence);
    }
    state.writing = false;
    await written;
  });
});

test('S4 a state of a newer version is refused, at the start and by whoever writes already', async () => {
  await withTwo(async (one, _two, database) => {
    await postgres.sql(database, 'UPDATE schema_version SET version = 999');
    await assert.rejects(one.servers.put(server('late'), 1), isFault('state_newer'));
    await assert.rejects(openOn(postgres, database), isFault('state_newer'));
    assert.equal(await postgres.sql(database, 'SELECT count(*) FROM servers'), '0\n');
  });
});

test('S4 an empty database is refused where there should be a state, and one that is used where a new one begins', async () => {
  const database = await postgres.createDatabase();
  const place = placeOf(postgres, database);
  const opening = { place, clock: steppedClock(1_000), log: () => undefined };
  await assert.rejects(openPostgresStore({ ...opening, missing: 'refuse' }), isFault('authority_missing'));
  {
    await using store = await openOn(postgres, database);
    await store.servers.put(server('files'), 1);
  }
  await assert.rejects(openPostgresStore({ ...opening, missing: 'create' }), isFault('authority_exists'));
  await using store = await openPostgresStore({ ...opening, missing: 'refuse' });
  assert.deepEqual(await store.servers.list(), [server('files')]);
});

test('S4 refuses to start when the clock is behind what was recorded', async () => {
  const database = await postgres.createDatabase();
  {
    await using store = await openOn(postgres, database, steppedClock(7_200_000));
    await store.servers.put(server('files'), 1);
  }
  const place = placeOf(postgres, database);
  const opening = { place, missing: 'refuse', log: () => undefined } as const;
  await assert.rejects(
    openPostgresStore({ ...opening, clock: steppedClock(1_000) }),
    isFault('clock_behind'),
  );
});

test('S4 a server that takes no writes is not used', async () => {
  const database = await postgres.createDatabase();
  await postgres.sql(database, `ALTER DATABASE ${database} SET default_transaction_read_only = on`);
  await assert.rejects(openOn(postgres, database), isFault('unavailable'));
});

test('S4 the next server of the list is used when one is away', async () => {
  const database = await postgres.createDatabase();
  const place = placeOf(postgres, database);
  const hosts = [{ host: '127.0.0.1', port: 1 }, ...place.hosts];
  await using store = await openPostgresStore({
    place: { ...place, hosts },
    clock: systemClock,
    missing: 'create',
    log: () => undefined,
  });
  await store.meta.set('here', 'yes');
  assert.equal(await store.meta.get('here'), 'yes');
});

test('S4 bad input: a text with the character NUL, which PostgreSQL does not keep, is refused and changes nothing', async () => {
  await withTwo(async (one) => {
    await assert.rejects(one.meta.set('name', 'a\0b'), isFault('invalid_input'));
    assert.equal(await one.meta.get('name'), null);
    await one.meta.set('name', 'a’b"\\\n');
    assert.equal(await one.meta.get('name'), 'a’b"\\\n');
  });
});

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
