import type { AgentRecord } from '../../../identity/agent-record.ts';
import { Fault } from '../../../kernel/fault.ts';
import type { AgentPatch, AgentRecords } from '../agent-records.ts';
import type { Connection, Note } from '../connection.ts';
import { all, count, one, run, type Work } from '../work.ts';
import { findOrigins, putOrigins } from './role-origins.ts';

const insert = `INSERT INTO agents (name, owner, purpose, roles, build_digest, device, state, created_at, last_seen, parent)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`;
const update =
  'UPDATE agents SET owner = ?, purpose = ?, roles = ?, build_digest = ?, device = ?, state = ? WHERE name = ?';
const see = 'UPDATE agents SET last_seen = ?1 WHERE name = ?2 AND (last_seen IS NULL OR last_seen < ?1)';
const countBelow = `SELECT count(*) AS count FROM agents WHERE parent = ? AND state <> 'retired'`;
// UNION, not UNION ALL: names that went in a circle would come up once.
const selectBelow = `WITH RECURSIVE below (name) AS (
    SELECT name FROM agents WHERE parent = ?1 UNION SELECT a.name FROM agents a JOIN below b ON a.parent = b.name)
  SELECT * FROM agents WHERE name IN (SELECT name FROM below) AND name <> ?1 ORDER BY name`;

/** The agents of the store. */
export function agentRecords({ read, write }: Connection): AgentRecords {
  return {
    add: (record) => write((note) => addAgent(record, note)),
    addBelow: (record, most) =>
      write(function* (note) {
        if ((yield* count(countBelow, record.parent)) >= most) return false;
        yield* addAgent(record, note);
        return true;
      }),
    listBelow: (name) => read(() => all(toRecord, selectBelow, name)),
    find: (name) => read(() => find(name)),
    list: () => read(listAgents),
    change: (name, patch) => write((note) => change(name, patch, note)),
    derive: (name, derived) =>
      write(function* (note) {
        const before = yield* find(name);
        if (!before) return false;
        const known = (yield* findOrigins(name)) ?? { byHand: before.roles, derived: [] };
        const roles = yield* putOrigins(name, { byHand: known.byHand, derived });
        if (JSON.stringify(roles) === JSON.stringify(before.roles)) return false;
        yield* put({ ...before, roles }, note);
        return true;
      }),
    origins: (name) => read(() => findOrigins(name)),
    // Not a change: nothing is decided by it, and every gateway would hear of every call.
    seen: (name, at) =>
      write(function* () {
        yield* run(see, at, name);
      }),
  };
}

function find(name: string): Work<AgentRecord | null> {
  return one(toRecord, 'SELECT * FROM agents WHERE name = ?', name);
}

function* change(name: string, patch: AgentPatch, note: Note): Work<AgentRecord> {
  const before = yield* find(name);
  if (!before)
    throw new Fault('agent_unknown', `No agent named ${name} is registered. See: countersign agent list`);
  const known = patch.roles && (yield* findOrigins(name));
  // Those that rules gave stay.
  const roles = known && patch.roles && (yield* putOrigins(name, { ...known, byHand: patch.roles }));
  const after = { ...before, ...patch, ...(roles && { roles }) };
  if (before.state === 'retired' && after.state !== 'retired') {
    throw new Fault('conflict', `The agent ${name} is retired for good. Add an agent with another name.`);
  }
  yield* put(after, note);
  return after;
}

function* put(after: AgentRecord, note: Note): Work<void> {
  const { name, owner, purpose, roles, buildDigest, device, state } = after;
  yield* run(update, owner, purpose, JSON.stringify(roles), buildDigest, device, state, name);
  note({ kind: 'agent', key: name, value: after });
}

/** Adds an agent in the transaction of the caller. Throws Fault `conflict` when the name is taken. */
export function* addAgent(record: AgentRecord, note: Note): Work<void> {
  const { name, owner, purpose, roles, buildDigest, device, state, createdAt, lastSeen, parent } = record;
  const added = yield* run(
    insert,
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
  if (added === 0) throw new Fault('conflict', `An agent named ${name} exists already. Choose another name.`);
  note({ kind: 'agent', key: name, value: record });
}

/** All agents in name order. */
export function listAgents(): Work<AgentRecord[]> {
  return all(toRecord, 'SELECT * FROM agents ORDER BY name');
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
