import type {
  Batch,
  JoinTokenRecord,
  JoinTokenRecords,
} from '../../../enrol/join-token/join-token-records.ts';
import { Fault } from '../../../kernel/fault.ts';
import type { Connection } from '../connection.ts';
import { all, exists, one, run, type Work } from '../work.ts';
import { addAgent } from './agents.ts';

const insert = `INSERT INTO join_tokens (id, secret_hash, name, kind, created_at, expires_at, redeemed_at, created_by,
  dns_names, ip_addresses, batch, uses_left) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`;
const select = `SELECT * FROM join_tokens WHERE id = ?1 AND secret_hash = ?2 AND uses_left > 0 AND ?3 < expires_at`;
// One statement is the whole compare-and-set: of many callers, in any process, as many get the row as it has uses.
const use = `UPDATE join_tokens SET redeemed_at = ?2, uses_left = uses_left - 1
  WHERE id = ?1 AND uses_left > 0 AND ?2 < expires_at RETURNING *`;
const end = `UPDATE join_tokens SET expires_at = ?2 WHERE uses_left > 0 AND ?2 < expires_at AND id = ?1`;
const insertName = `INSERT INTO batch_names (kind, name, token) SELECT ?1, ?2, ?3
  WHERE NOT EXISTS (SELECT 1 FROM certificates WHERE name = ?2 AND kind = ?1) ON CONFLICT DO NOTHING`;

/** The join tokens of the store. */
export function joinTokenRecords({ read, write }: Connection): JoinTokenRecords {
  return {
    add: (record) => write(() => add(record)),
    find: (id, secretHash, now) => read(() => one(toRecord, select, id, secretHash, now)),
    use: (id, { name, agent }, now) =>
      write(function* (note) {
        const token = yield* one(toRecord, use, id, now);
        if (!token) return false;
        if (token.batch === null) return true;
        yield* giveName({ kind: token.kind, name, token: id });
        if (agent) yield* addAgent(agent, note);
        return true;
      }),
    withdraw: (name, kinds, now) =>
      write(function* () {
        const named = yield* all(toRecord, 'SELECT * FROM join_tokens WHERE name = ?', name);
        return yield* endAll(
          named.filter(({ kind }) => kinds.includes(kind)),
          now,
        );
      }),
    withdrawOwned: (owner, now) =>
      write(function* () {
        const batches = yield* all(toRecord, 'SELECT * FROM join_tokens WHERE batch IS NOT NULL');
        return yield* endAll(
          batches.filter(({ batch }) => batch?.owner === owner),
          now,
        );
      }),
    end: (id, now) =>
      write(function* () {
        if (!(yield* exists('SELECT 1 FROM join_tokens WHERE id = ?', id)))
          throw new Fault('not_found', `There is no join token ${id}. See: countersign join-token list`);
        return (yield* run(end, id, now)) === 1;
      }),
    list: () => read(() => all(toRecord, 'SELECT * FROM join_tokens ORDER BY created_at, id')),
  };
}

function* add(record: JoinTokenRecord): Work<void> {
  const added = yield* run(
    insert,
    record.id,
    record.secretHash,
    record.name,
    record.kind,
    record.createdAt,
    record.expiresAt,
    record.redeemedAt,
    record.createdBy,
    JSON.stringify(record.dnsNames),
    JSON.stringify(record.ipAddresses),
    record.batch && JSON.stringify(without(record.batch)),
    usesLeft(record),
  );
  if (added === 0) throw new Fault('conflict', `A join token ${record.id} exists already.`);
}

/** Ends those that can still be used. Returns how many those were. */
function* endAll(tokens: readonly JoinTokenRecord[], now: number): Work<number> {
  let ended = 0;
  for (const { id } of tokens) ended += yield* run(end, id, now);
  return ended;
}

interface JoinTokenRow {
  readonly id: string;
  readonly secret_hash: string;
  readonly name: string;
  readonly kind: JoinTokenRecord['kind'];
  readonly created_at: number;
  readonly expires_at: number;
  readonly redeemed_at: number | null;
  readonly created_by: string;
  readonly dns_names: string;
  readonly ip_addresses: string;
  readonly batch: string | null;
  readonly uses_left: number;
}

/** A name that a batch token gives, once for all. Throws Fault `conflict` for one that somebody has or had. */
function* giveName(given: {
  readonly kind: string;
  readonly name: string;
  readonly token: string;
}): Work<void> {
  const { kind, name, token } = given;
  if ((yield* run(insertName, kind, name, token)) === 1) return;
  throw new Fault('conflict', `The name ${name} is taken: a batch token gives new names only.`);
}

function usesLeft({ batch, redeemedAt }: JoinTokenRecord): number {
  if (batch) return batch.count - batch.used;
  return redeemedAt === null ? 1 : 0;
}

/** What of a batch does not change. */
function without({ used: _used, ...fixed }: Batch): Omit<Batch, 'used'> {
  return fixed;
}

function batchOf({ batch, uses_left }: JoinTokenRow): Batch | null {
  if (batch === null) return null;
  const fixed = JSON.parse(batch) as Omit<Batch, 'used'>;
  return { ...fixed, used: fixed.count - uses_left };
}

function toRecord(row: JoinTokenRow): JoinTokenRecord {
  return {
    id: row.id,
    secretHash: row.secret_hash,
    name: row.name,
    kind: row.kind,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    redeemedAt: row.redeemed_at,
    createdBy: row.created_by,
    dnsNames: JSON.parse(row.dns_names) as string[],
    ipAddresses: JSON.parse(row.ip_addresses) as string[],
    batch: batchOf(row),
  };
}
