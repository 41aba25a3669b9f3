import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import type { AgentRecord } from '../../identity/agent-record.ts';
import type { PartnerRecord } from '../../identity/partner-record.ts';
import { type Clock, steppedClock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import type { FaultCode } from '../../kernel/fault-codes.ts';
import type { ServerDefinition } from '../../upstream/server-definition.ts';
import type { Change } from './change-feed.ts';
import { openStore } from './open-store.ts';
import { dropOldChanges } from './records/changes.ts';
import { connect } from './sqlite/connection.ts';
import type { Store } from './store.ts';

const clock = steppedClock(1_000_000);

test('keeps agents, servers and facts across a restart', async () => {
  await withFile(async (file) => {
    await withStore(file, async (store) => {
      await store.agents.add(agent('ci-bot'));
      await store.servers.put(server('files'), 1);
      await store.meta.set('origin', 'one');
      await store.meta.set('origin', 'two');
    });
    await withStore(file, async (store) => {
      assert.deepEqual(await store.agents.find('ci-bot'), agent('ci-bot'));
      assert.deepEqual(await store.servers.list(), [server('files')]);
      assert.equal(await store.meta.get('origin'), 'two');
      assert.equal(await store.meta.get('nothing'), null);
    });
  });
});

test('of many who swap a fact from the same value one does, and a fact that is there is not made', async () => {
  await withEmpty(async ({ meta }) => {
    const made = await Promise.all(['a', 'b', 'c'].map((value) => meta.swap('lease', null, value)));
    assert.deepEqual(made, [true, false, false]);
    const taken = await Promise.all(['d', 'e'].map((value) => meta.swap('lease', 'a', value)));
    assert.deepEqual(taken, [true, false]);
    assert.equal(await meta.swap('lease', 'a', 'f'), false);
    assert.equal(await meta.swap('nothing', 'a', 'f'), false);
    assert.deepEqual([await meta.get('lease'), await meta.get('nothing')], ['d', null]);
  });
});

test('refuses a second agent of a name, also after it was retired, and never brings it back', async () => {
  await withEmpty(async ({ agents }) => {
    await agents.add(agent('ci-bot'));
    await assert.rejects(agents.add(agent('ci-bot')), isFault('conflict'));
    await agents.change('ci-bot', { state: 'retired' });
    await assert.rejects(agents.add(agent('ci-bot')), isFault('conflict'));
    await assert.rejects(agents.change('ci-bot', { state: 'active' }), isFault('conflict'));
    assert.equal((await agents.find('ci-bot'))?.state, 'retired');
  });
});

test('changes only what the patch names, and only of a registered agent', async () => {
  await withEmpty(async ({ agents }) => {
    await agents.add(agent('ci-bot'));
    const changed = await agents.change('ci-bot', { state: 'suspended', roles: ['reader'] });
    assert.deepEqual(changed, { ...agent('ci-bot'), state: 'suspended', roles: ['reader'] });
    assert.deepEqual(await agents.find('ci-bot'), changed);
    await assert.rejects(agents.change('nobody', { owner: 'bob' }), isFault('agent_unknown'));
  });
});

test('moves the last sight of an agent only forwards', async () => {
  await withEmpty(async ({ agents }) => {
    await agents.add(agent('ci-bot'));
    await agents.seen('ci-bot', 50);
    await agents.seen('ci-bot', 40);
    await agents.seen('nobody', 60);
    assert.equal((await agents.find('ci-bot'))?.lastSeen, 50);
  });
});

test('replaces a server only when asked to, and removes it once', async () => {
  await withEmpty(async ({ servers }) => {
    await servers.put(server('files'), 1);
    await assert.rejects(servers.put(server('files'), 2), isFault('conflict'));
    await servers.put({ ...server('files'), description: 'new' }, 2, { replace: true });
    assert.equal((await servers.find('files'))?.description, 'new');
    assert.equal(await servers.remove('files'), true);
    assert.equal(await servers.remove('files'), false);
    assert.equal(await servers.find('files'), null);
  });
});

test('I11 keeps partners as they were last put, tells of each, and leaves everything when a change is refused', async () => {
  await withEmpty(async ({ partners, changes }) => {
    const heard: Change[] = [];
    changes.subscribe((change) => heard.push(change));
    await partners.put('acme', (before, all) => {
      assert.deepEqual([before, all], [null, []]);
      return partner('acme', 1);
    });
    await partners.put('acme', (before, all) => {
      assert.deepEqual([before, all], [partner('acme', 1), [partner('acme', 1)]]);
      return partner('acme', 2);
    });
    const refusal = new Fault('conflict', 'no');
    await assert.rejects(
      partners.put('acme', () => {
        throw refusal;
      }),
      isFault('conflict'),
    );
    assert.deepEqual(await partners.list(), [partner('acme', 2)]);
    assert.deepEqual((await changes.snapshot()).partners, [partner('acme', 2)]);
    assert.deepEqual([await partners.remove('acme'), await partners.remove('acme')], [true, false]);
    assert.deepEqual(
      heard.map(({ kind, value }) => [kind, value]),
      [
        ['partner', partner('acme', 1)],
        ['partner', partner('acme', 2)],
        ['partner', null],
      ],
    );
  });
});

test('I11 the order of changes goes on with its numbers when an older state is opened', async () => {
  await withFile(async (file) => {
    await withStore(file, async ({ agents }) => await agents.add(agent('a')));
    const database = new DatabaseSync(file);
    // As version 11 left it, with a number that was given and dropped.
    database.exec(`
      DROP TABLE oauth_entries; DROP TABLE oauth_keys; DROP TABLE issued_tokens; DROP TABLE token_ends;
      DROP INDEX people_account; DROP TABLE consents; DROP TABLE passkeys; DROP TABLE invitations; DROP TABLE browser_sessions;
      DROP INDEX agents_by_parent; ALTER TABLE agents DROP COLUMN parent;
      ALTER TABLE people DROP COLUMN display_name; ALTER TABLE people DROP COLUMN groups;
      ALTER TABLE people DROP COLUMN state; ALTER TABLE people DROP COLUMN added_at;
      ALTER TABLE certificates DROP COLUMN hardware; ALTER TABLE certificates DROP COLUMN instance; DROP TABLE alerts; DROP TABLE alert_messages; DROP TABLE tools; DROP TABLE call_approvals; DROP TABLE flow_orders; DROP TABLE partners; DELETE FROM changes; UPDATE sqlite_sequence SET seq = 41 WHERE name = 'changes';
      PRAGMA user_version = 11;`);
    database.close();
    await withStore(file, async ({ agents, changes }) => {
      await agents.add(agent('b'));
      assert.equal((await changes.snapshot()).sequence, 42);
    });
  });
});

test('I7 tells every subscriber each change once, in order, after it is durable', async () => {
  await withEmpty(async (store) => {
    const heard: Change[] = [];
    const stop = store.changes.subscribe((change) => heard.push(change));
    await store.agents.add(agent('ci-bot'));
    await store.certificates.reserve(certificate('0a'));
    await store.certificates.complete('0a', new Uint8Array([1]));
    await store.certificates.revoke('0a', 'stolen', 5);
    await store.servers.put(server('files'), 1);
    await store.servers.remove('files');
    await assert.rejects(store.agents.add(agent('ci-bot')), isFault('conflict'));
    const standing = {
      serial: '0a',
      name: 'ci-bot',
      kind: 'agent',
      notAfter: 2_000_000,
      // SHA-256 of the one octet that stands for the certificate here.
      thumbprint: 'S_USLzRFVMU73i67jNK349FgCtYxw4Wl18ziPHeFRZo',
    } as const;
    assert.deepEqual(heard, [
      { sequence: 1, kind: 'agent', key: 'ci-bot', value: agent('ci-bot') },
      { sequence: 2, kind: 'certificate', key: '0a', value: null },
      { sequence: 3, kind: 'certificate', key: '0a', value: { ...standing, state: 'issued' } },
      { sequence: 4, kind: 'certificate', key: '0a', value: { ...standing, state: 'revoked' } },
      { sequence: 5, kind: 'server', key: 'files', value: server('files') },
      { sequence: 6, kind: 'server', key: 'files', value: null },
    ]);
    assert.deepEqual(await store.changes.since(0), heard);
    assert.deepEqual(await store.changes.since(4), heard.slice(4));
    assert.deepEqual(await store.changes.since(6), []);
    stop();
    await store.servers.put(server('files'), 1);
    assert.equal(heard.length, 6);
  });
});

test('tells every subscriber the same order when one of them writes', async () => {
  await withEmpty(async (store) => {
    const heard: string[] = [];
    const answers: Promise<void>[] = [];
    store.changes.subscribe((change) => {
      if (change.key === 'first') answers.push(store.agents.add(agent('second')));
    });
    store.changes.subscribe((change) => heard.push(change.key));
    await store.agents.add(agent('first'));
    await Promise.all(answers);
    assert.deepEqual(heard, ['first', 'second']);
  });
});

test('a snapshot holds what is issued or revoked and not past its end, as of its sequence', async () => {
  await withEmpty(async (store) => {
    await store.agents.add(agent('ci-bot'));
    await store.servers.put(server('files'), 1);
    for (const serial of ['0a', '0b', '0c']) await store.certificates.reserve(certificate(serial));
    await store.certificates.reserve({ ...certificate('0d'), notAfter: clock.now() });
    for (const serial of ['0a', '0b', '0d']) await store.certificates.complete(serial, new Uint8Array([1]));
    await store.certificates.revoke('0b', 'stolen', 5);
    const snapshot = await store.changes.snapshot();
    assert.deepEqual(
      snapshot.certificates.map(({ serial, state }) => [serial, state]),
      [
        ['0a', 'issued'],
        ['0b', 'revoked'],
      ],
    );
    assert.deepEqual(snapshot.agents, [agent('ci-bot')]);
    assert.deepEqual(snapshot.servers, [server('files')]);
    assert.deepEqual(await store.changes.since(snapshot.sequence), []);
    await store.servers.remove('files');
    assert.equal((await store.changes.since(snapshot.sequence)).length, 1);
  });
});

test('refuses changes that are no longer kept or that never were, and never numbers one twice', async () => {
  await withFile(async (file) => {
    await withStore(file, async ({ agents }) => {
      for (const name of ['a', 'b', 'c']) await agents.add(agent(name));
    });
    const database = new DatabaseSync(file);
    await dropOldChanges(connect({ database, file, clock }), 1);
    database.close();
    await withStore(file, async ({ agents, changes }) => {
      await assert.rejects(changes.since(1), isFault('not_found'));
      await assert.rejects(changes.since(4), isFault('not_found'));
      assert.equal((await changes.since(2)).length, 1);
      await agents.add(agent('d'));
      assert.deepEqual(
        (await changes.since(2)).map(({ sequence }) => sequence),
        [3, 4],
      );
    });
  });
});

test('the state and what lies beside it is the owner’s alone, and a wider mode is refused', async () => {
  await withFile(async (file) => {
    await withStore(file, async ({ agents }) => {
      await agents.add(agent('ci-bot'));
      for (const name of [file, `${file}-wal`]) assert.equal((await stat(name)).mode & 0o777, 0o600, name);
    });
    await chmod(file, 0o640);
    await assert.rejects(openStore({ file, clock }), isFault('file_mode'));
  });
});

test('bad input: refuses a state that is empty, truncated, overwritten or of another program', async () => {
  await withFile(async (file) => {
    await withStore(file, async ({ agents }) => {
      for (let at = 0; at < 200; at++) await agents.add(agent(`bot-${at}`));
    });
    const whole = await readFile(file);
    const middle = Buffer.from(whole);
    middle.fill(0x5a, whole.length >> 1, (whole.length >> 1) + 8192);
    const other = join(file, '../other.db');
    const database = new DatabaseSync(other);
    database.exec('CREATE TABLE notes (text TEXT)');
    database.close();
    const damages: Record<string, Uint8Array> = {
      empty: new Uint8Array(),
      truncated: whole.subarray(0, whole.length >> 1),
      'cut inside a page': whole.subarray(0, 5000),
      overwritten: middle,
      'no header': Buffer.concat([Buffer.alloc(100), whole.subarray(100)]),
      text: Buffer.from('not a database'),
      'another program': await readFile(other),
    };
    for (const [name, content] of Object.entries(damages)) {
      await writeFile(file, content, { mode: 0o600 });
      await assert.rejects(openStore({ file, clock }), isFault('state_damaged'), name);
      assert.deepEqual(await readFile(file), Buffer.from(content), `${name}: the file was left as it was`);
    }
  });
});

test('bad input: refuses a state that a newer version wrote, and leaves it as it was', async () => {
  await withFile(async (file) => {
    await withStore(file, async () => {});
    const database = new DatabaseSync(file);
    database.exec('PRAGMA user_version = 999');
    database.close();
    const before = await readFile(file);
    await assert.rejects(openStore({ file, clock }), isFault('state_newer'));
    assert.deepEqual(await readFile(file), before);
  });
});

test('bad input: refuses to start when the clock is behind what was recorded', async () => {
  await withFile(async (file) => {
    const later: Clock = steppedClock(clock.now() + 3_600_000);
    await using store = await openStore({ file, clock: later });
    await store.agents.add(agent('ci-bot'));
    await store[Symbol.asyncDispose]();
    await assert.rejects(openStore({ file, clock }), isFault('clock_behind'));
    await withStore(file, async () => {}, later);
  });
});

test('makes no state when told not to', async () => {
  await withFile(async (file) => {
    await assert.rejects(openStore({ file, clock, missing: 'refuse' }), isFault('authority_missing'));
    await assert.rejects(stat(file), { code: 'ENOENT' });
  });
});

test('starts over what an interrupted creation left behind', async () => {
  await withFile(async (file) => {
    await writeFile(`${file}.new`, 'half written');
    await withStore(file, async ({ agents }) => {
      await agents.add(agent('ci-bot'));
    });
    await assert.rejects(stat(`${file}.new`), { code: 'ENOENT' });
  });
});

test('says that the state is in use when another process holds it', async () => {
  await withFile(async (file) => {
    await withStore(file, async ({ agents }) => {
      const other = new DatabaseSync(file);
      other.exec('BEGIN IMMEDIATE');
      try {
        await assert.rejects(agents.add(agent('ci-bot')), isFault('state_locked'));
      } finally {
        other.close();
      }
      await agents.add(agent('ci-bot'));
    });
  });
});

test('copies itself whole to a private file while in use, and over nothing', async () => {
  await withFile(async (file) => {
    const copy = join(file, '../copy.db');
    await withStore(file, async (store) => {
      await store.agents.add(agent('ci-bot'));
      await store.copyTo(copy);
      await assert.rejects(store.copyTo(copy), isFault('conflict'));
      await store.agents.add(agent('later'));
    });
    assert.equal((await stat(copy)).mode & 0o777, 0o600);
    await withStore(copy, async ({ agents }) => {
      assert.deepEqual(await agents.list(), [agent('ci-bot')]);
    });
  });
});

test('a migration that fails half way leaves nothing of itself', async () => {
  await withFile(async (file) => {
    await withStore(file, async () => {});
    const database = new DatabaseSync(file);
    // The first migration runs again into the tables that exist.
    database.exec('PRAGMA user_version = 0; DROP TABLE agents;');
    database.close();
    await assert.rejects(openStore({ file, clock }));
    const after = new DatabaseSync(file);
    assert.equal(
      after.prepare(`SELECT count(*) AS n FROM sqlite_schema WHERE name = 'agents'`).get()?.['n'],
      0,
    );
    after.close();
  });
});

async function withFile(use: (file: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-'));
  try {
    await use(join(folder, 'state.db'));
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function withStore(
  file: string,
  use: (store: Store) => Promise<void>,
  at: Clock = clock,
): Promise<void> {
  await using store = await openStore({ file, clock: at });
  await use(store);
}

async function withEmpty(use: (store: Store) => Promise<void>): Promise<void> {
  await withFile((file) => withStore(file, use));
}

function agent(name: string): AgentRecord {
  return {
    name,
    owner: 'alice@example.com',
    purpose: 'runs the builds',
    roles: ['builder', 'reader'],
    buildDigest: null,
    device: null,
    state: 'active',
    createdAt: 1,
    lastSeen: null,
  };
}

function server(name: string): ServerDefinition {
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

function certificate(serial: string): Parameters<Store['certificates']['reserve']>[0] {
  return {
    serial,
    name: 'ci-bot',
    kind: 'agent',
    spiffeId: 'spiffe://example.internal/agent/ci-bot',
    state: 'reserved',
    notBefore: 0,
    notAfter: 2_000_000,
    reservedAt: 1,
    tbsHash: 'aGFzaA',
    der: null,
    replaces: null,
    door: 'admin',
    revokedAt: null,
    reason: null,
    revocation: null,
    keyHash: null,
    issuer: null,
    hardware: null,
  };
}

function isFault(code: FaultCode): (error: unknown) => boolean {
  return (error) => error instanceof Fault && error.code === code;
}

function partner(name: string, readAt: number): PartnerRecord {
  return {
    name,
    trustDomain: `${name}.example`,
    authorities: [],
    mappings: [],
    maximumLife: 1,
    source: null,
    trustedFor: 1,
    sequence: null,
    refreshHint: null,
    addedAt: 1,
    readAt,
  };
}
