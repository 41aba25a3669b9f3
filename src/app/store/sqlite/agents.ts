import type { DatabaseSync } from 'node:sqlite';
import type { AgentRecord } from '../../../identity/agent-record.ts';
import { Fault } from '../../../kernel/fault.ts';
import type { AgentRecords } from '../agent-records.ts';
import type { Connection, Note } from './connection.ts';
import { originRows } from './role-origins.ts';
import { isTaken } from './storage-fault.ts';

/** The agents of the store. */
export function agentRecords(connection: Connection): AgentRecords {
  const { database, read, write } = connection;
  const update = database.prepare(
    'UPDATE agents SET owner = ?, purpose = ?, roles = ?, build_digest = ?, device = ?, state = ? WHERE name = ?',
  );
  const select = database.prepare('SELECT * FROM agents WHERE name = ?');
  const seen = database.prepare(
    'UPDATE agents SET last_seen = max(coalesce(last_seen, 0), ?) WHERE name = ?',
  );
  const below = database.prepare(
    "SELECT count(*) AS count FROM agents WHERE parent = ? AND state <> 'retired'",
  );
  // UNION, not UNION ALL: names that went in a circle would come up once.
  const tree = database.prepare(
    `WITH RECURSIVE below (name) AS (
       SELECT name FROM agents WHERE parent = ?1 UNION SELECT a.name FROM agents a JOIN below b ON a.parent = b.name)
     SELECT * FROM agents WHERE name IN below AND name <> ?1 ORDER BY name`,
  );
  const find = (name: string): AgentRecord | null => {
    const row = select.get(name);
    return row ? toRecord(row as unknown as AgentRow) : null;
  };
  const origins = originRows(database);
  const store = (after: AgentRecord, note: Note): AgentRecord => {
    const { name, owner, purpose, roles, buildDigest, device, state } = after;
    update.run(owner, purpose, JSON.stringify(roles), buildDigest, device, state, name);
    note({ kind: 'agent', key: name, value: after });
    return after;
  };
  return {
    add: (record) => write((note) => addAgent(database, record, note)),
    addBelow: (record, most) =>
      write((note) => {
        if (Number(below.get(record.parent)?.['count']) >= most) return false;
        addAgent(database, record, note);
        return true;
      }),
    listBelow: (name) => read(() => tree.all(name).map((row) => toRecord(row as unknown as AgentRow))),
    find: (name) => read(() => find(name)),
    list: () => read(() => listAgents(database)),
    change: (name, patch) =>
      write((note) => {
        const before = find(name);
        if (!before)
          throw new Fault(
            'agent_unknown',
            `No agent named ${name} is registered. See: countersign agent list`,
          );
        const known = patch.roles && origins.find(name);
        // Those that rules gave stay.
        const roles = known && patch.roles && origins.put(name, { ...known, byHand: patch.roles });
        const after = { ...before, ...patch, ...(roles && { roles }) };
        if (before.state === 'retired' && after.state !== 'retired') {
          throw new Fault(
            'conflict',
            `The agent ${name} is retired for good. Add an agent with another name.`,
          );
        }
        return store(after, note);
      }),
    derive: (name, derived) =>
      write((note) => {
        const before = find(name);
        if (!before) return false;
        const known = origins.find(name) ?? { byHand: before.roles, derived: [] };
        const roles = origins.put(name, { byHand: known.byHand, derived });
        if (JSON.stringify(roles) === JSON.stringify(before.roles)) return false;
        store({ ...before, roles }, note);
        return true;
      }),
    origins: (name) => read(() => origins.find(name)),
    // Not a change: nothing is decided by it, and every gateway would hear of every call.
    seen: (name, at) =>
      write(() => {
        seen.run(at, name);
      }),
  };
}

/** Adds an agent in the transaction of the caller. Throws Fault `conflict` when the name is taken. */
export function addAgent(database: DatabaseSync, record: AgentRecord, note: Note): void {
  try {
    const { name, owner, purpose, roles, buildDigest, device, state, createdAt, lastSeen, parent } = record;
    database
      .prepare(
        `INSERT INTO agents (name, owner, purpose, roles, build_digest, device, state, created_at, last_seen, parent)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        name,
        owner,
        purpose,
        JSON.stringify(roles),
        buildDigest,
        device,
        state,
        createdAt,
        lastSeen,
        parent ?? null,
      );
  } catch (error) {
    if (!isTaken(error)) throw error;
    throw new Fault('conflict', `An agent named ${record.name} exists already. Choose another name.`, {
      cause: error,
    });
  }
  note({ kind: 'agent', key: record.name, value: record });
}

/** All agents in name order. */
export function listAgents(database: DatabaseSync): AgentRecord[] {
  const rows = database.prepare('SELECT * FROM agents ORDER BY name').all();
  return rows.map((row) => toRecord(row as unknown as AgentRow));
}

interface AgentRow {
  readonly name: string;
  readonly owner: string;
  readonly purpose: string;
  readonly roles: string;
  readonly build_digest: string | null;
  readonly device: string | null;
  readonly state: AgentRecord['state'];
  readonly created_at: number;
  readonly last_seen: number | null;
  readonly parent: string | null;
}

function toRecord(row: AgentRow): AgentRecord {
  return {
    name: row.name,
    owner: row.owner,
    purpose: row.purpose,
    roles: JSON.parse(row.roles) as string[],
    buildDigest: row.build_digest,
    device: row.device,
    state: row.state,
    createdAt: row.created_at,
    lastSeen: row.last_seen,
    ...(row.parent !== null && { parent: row.parent }),
  };
}
