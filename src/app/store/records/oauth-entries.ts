import type { NewOauthEntry, OauthEntry, OauthRecords } from '../../../oauth/server/oauth-records.ts';
import type { Connection } from '../connection.ts';
import { count, one, run } from '../work.ts';

/** How long after its end an entry is kept: past every clock difference. */
const keptFor = 60_000;

type Entries = Pick<
  OauthRecords,
  'put' | 'putOnce' | 'find' | 'findBy' | 'consume' | 'retry' | 'remove' | 'count'
>;

const insert = `INSERT INTO oauth_entries (model, id, sealed, grant_id, uid, user_code, person, client, agent,
  replaces, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
const upsert = `${insert} ON CONFLICT (model, id) DO UPDATE SET sealed = excluded.sealed, grant_id = excluded.grant_id,
  uid = excluded.uid, user_code = excluded.user_code, person = excluded.person, expires_at = excluded.expires_at`;
const insertOnce = `${insert} ON CONFLICT DO NOTHING`;
const select = 'SELECT * FROM oauth_entries WHERE model = ? AND id = ?';
const selectBy = {
  uid: 'SELECT * FROM oauth_entries WHERE model = ? AND uid = ?',
  userCode: 'SELECT * FROM oauth_entries WHERE model = ? AND user_code = ?',
};
const sweep = `DELETE FROM oauth_entries WHERE (model, id) IN
  (SELECT model, id FROM oauth_entries WHERE expires_at < ? LIMIT 200)`;
// One statement is the whole compare-and-set: of many callers, in any process, one changes the row.
const consume =
  'UPDATE oauth_entries SET consumed_at = ?3 WHERE model = ?1 AND id = ?2 AND consumed_at IS NULL';
const retry = `UPDATE oauth_entries SET retried_at = ?3
  WHERE model = ?1 AND id = ?2 AND consumed_at >= ?4 AND retried_at IS NULL
    AND NOT EXISTS (SELECT 1 FROM oauth_entries AS later WHERE later.replaces = ?2 AND later.consumed_at IS NOT NULL)`;
const countOf =
  'SELECT count(*) AS count FROM oauth_entries WHERE model = ? AND (expires_at IS NULL OR expires_at > ?)';

/** What the authorization server remembers, of the store. */
export function oauthEntries({ read, write }: Connection): Entries {
  return {
    put: (entry) =>
      write(function* () {
        yield* run(sweep, entry.createdAt - keptFor);
        yield* run(upsert, ...valuesOf(entry));
      }),
    putOnce: (entry) =>
      write(function* () {
        yield* run(sweep, entry.createdAt - keptFor);
        return (yield* run(insertOnce, ...valuesOf(entry))) === 1;
      }),
    find: (model, id) => read(() => one(toEntry, select, model, id)),
    findBy: (model, name, value) => read(() => one(toEntry, selectBy[name], model, value)),
    consume: (model, id, now) =>
      write(function* () {
        return (yield* run(consume, model, id, now)) === 1;
      }),
    retry: (model, id, now, since) =>
      write(function* () {
        if ((yield* run(retry, model, id, now, since)) === 0) return false;
        yield* run('DELETE FROM oauth_entries WHERE replaces = ?', id);
        return true;
      }),
    remove: (model, id) =>
      write(function* () {
        yield* run('DELETE FROM oauth_entries WHERE model = ? AND id = ?', model, id);
      }),
    count: (model, now) => read(() => count(countOf, model, now)),
  };
}

function valuesOf(entry: NewOauthEntry): (string | number | null)[] {
  return [
    entry.model,
    entry.id,
    entry.sealed,
    entry.grantId,
    entry.uid,
    entry.userCode,
    entry.person,
    entry.client,
    entry.agent,
    entry.replaces,
    entry.createdAt,
    entry.expiresAt,
  ];
}

interface EntryRow {
  readonly model: string;
  readonly id: string;
  readonly sealed: string;
  readonly grant_id: string | null;
  readonly uid: string | null;
  readonly user_code: string | null;
  readonly person: string | null;
  readonly client: string | null;
  readonly agent: string | null;
  readonly replaces: string | null;
  readonly created_at: number;
  readonly expires_at: number | null;
  readonly consumed_at: number | null;
  readonly retried_at: number | null;
}

function toEntry(row: EntryRow): OauthEntry {
  return {
    model: row.model,
    id: row.id,
    sealed: row.sealed,
    grantId: row.grant_id,
    uid: row.uid,
    userCode: row.user_code,
    person: row.person,
    client: row.client,
    agent: row.agent,
    replaces: row.replaces,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    consumedAt: row.consumed_at,
    retriedAt: row.retried_at,
  };
}
