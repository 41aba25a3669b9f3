import assert from 'node:assert/strict';
import { access, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { backUp, restore } from '../../src/app/authority/backup.ts';
import { dataFolder } from '../../src/app/authority/data-folder.ts';
import { openState } from '../../src/app/authority/open-state.ts';
import { holdDataFolder } from '../../src/app/authority/running-authority.ts';
import { refuseLostState } from '../../src/app/authority/whole-folder.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { openRawSession } from '../../tour/raw-request.ts';
import { isFault } from '../contracts/is-fault.ts';
import { startPostgres } from '../interop/start-postgres.ts';
import { openTown } from './deployment.ts';
import { openLegacyServer } from './mcp-servers.ts';
import { aDataFolder, moved, movingWorld, storeFileOf } from './postgres-town.ts';

const postgres = await startPostgres({ user: 'countersign' });
after(() => postgres[Symbol.asyncDispose]());

test('S4 an authority on PostgreSQL enrols, lets call and revokes; a crash of the database refuses, and mends by itself', async () => {
  await using place = await aDataFolder();
  await moved(place.data, postgres, await postgres.createDatabase());
  await using old = await openLegacyServer();
  await using town = await openTown({}, { from: place.data.folder });
  await assert.rejects(access(town.data.database), { code: 'ENOENT' });
  await town.addHttpServer('old', old.url);
  await town.permit('permit (principal, action, resource);');
  await town.addAgent('one');
  await town.addAgent('two');
  const [one, two] = [await town.issue('one'), await town.issue('two')];
  const sessions = [one, two].map((shown) => openRawSession(town.endpoint('old'), shown));
  const [first, second] = await Promise.all(sessions);
  assert.ok(first && second);
  assert.equal((await first.ping()).status, 200);
  await town.deployment.authority.revoke({ serial: one.serial, reason: 'test' }, 'test');
  await first.streamCut;
  assert.notEqual((await first.ping()).status, 200);
  assert.equal((await second.ping()).status, 200);
  await postgres.stop('immediate');
  await assert.rejects(town.issue('two'), isFault('unavailable'));
  await postgres.start();
  await eventually(() => town.issue('two'));
  const record = await town.deployment.authority.store.certificates.find(one.serial);
  assert.equal(record?.state, 'revoked');
  await eventually(async () => assert.equal((await second.ping()).status, 200));
  for (const session of [first, second]) session.close();
});

test('S4 a backup of an authority on PostgreSQL is a whole state by itself, which is moved into a database again', async () => {
  await using place = await aDataFolder();
  const { data } = place;
  await moved(data, postgres, await postgres.createDatabase());
  {
    await using store = await openState(data, world, 'refuse');
    for (let at = 0; at < 30; at++) await store.servers.put(server(`s${at}`), at);
    await store.servers.remove('s0');
    await store.alerts.raise(alert('0a'), 1, () => ({ a: 1 }));
    const target = join(data.folder, '../copy');
    await backUp(data, target, systemClock);
    const again = dataFolder(join(data.folder, '../again'));
    await restore(target, again, systemClock);
    await assert.rejects(access(again.store), { code: 'ENOENT' });
    const before = await store.changes.snapshot();
    {
      await using copy = await openState(again, world, 'refuse');
      assert.deepEqual(await copy.changes.snapshot(), before);
      assert.equal((await copy.alerts.list(true)).length, 1);
    }
    await moved(again, postgres, await postgres.createDatabase());
    await using there = await openState(again, world, 'refuse');
    assert.deepEqual(await there.changes.snapshot(), before);
    assert.deepEqual(await there.changes.since(0), await store.changes.since(0));
    // Numbers go on where they were.
    const raised = await Promise.all([store, there].map((each) => each.alerts.raise(alert('0b'), 2, null)));
    assert.deepEqual(
      raised.map((each) => each?.id),
      [2, 2],
    );
    await there.servers.put(server('next'), 1);
    assert.equal((await there.changes.snapshot()).sequence, before.sequence + 1);
  }
});

test('S4 a move that was ended before it was done is done again, and one that was done is not', async () => {
  await using place = await aDataFolder();
  const { data } = place;
  const database = await postgres.createDatabase();
  {
    await using store = await openState(data, world, 'refuse');
    await store.servers.put(server('files'), 1);
  }
  const first = await moved(data, postgres, database);
  assert.equal(first.tables['servers']?.rows, 1);
  // As a crash leaves it after the copy was committed, and after that.
  for (const loses of [true, false]) {
    await rename(first.kept, data.database);
    if (loses) await rm(data.store);
    assert.deepEqual((await moved(data, postgres, database)).tables, first.tables);
  }
  assert.equal(await readFile(data.store, 'utf8'), storeFileOf(postgres, database));
  await assert.rejects(moved(data, postgres, database), isFault('conflict'));
  // Nobody begins on the old one by accident.
  await rm(data.store);
  await assert.rejects(refuseLostState(data, true), isFault('state_damaged'));
});

test('S4 nothing is moved while the authority runs, or into a database that holds anything', async () => {
  await using place = await aDataFolder();
  const { data } = place;
  const database = await postgres.createDatabase();
  {
    using _held = holdDataFolder(data);
    await assert.rejects(moved(data, postgres, database), isFault('state_locked'));
  }
  {
    await using other = await aDataFolder();
    await moved(other.data, postgres, database);
    await using store = await openState(other.data, world, 'refuse');
    await store.servers.put(server('theirs'), 1);
    await assert.rejects(moved(data, postgres, database), isFault('authority_exists'));
    assert.equal((await store.servers.list()).length, 1);
  }
  await access(data.database);
  await assert.rejects(access(data.store), { code: 'ENOENT' });
});

const world = movingWorld;

async function eventually<Result>(act: () => Promise<Result>): Promise<Result> {
  for (let tries = 0; ; tries++) {
    try {
      return await act();
    } catch (error) {
      if (tries > 300) throw error;
      await wait(100);
    }
  }
}

function server(name: string) {
  return {
    name,
    description: 'files’ "quoted" \\ back',
    transport: 'stdio' as const,
    era: 'auto' as const,
    command: ['mcp-server-files', '/srv'],
    directory: null,
    environment: {},
  };
}

function alert(serial: string) {
  const cause = 'certificate-ending' as const;
  return { cause, kind: 'agent' as const, name: 'bot', serial, endsAt: 5, detail: 'ends', code: null };
}
