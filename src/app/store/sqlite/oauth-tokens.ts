import type { DatabaseSync } from 'node:sqlite';
import {
  type IssuedToken,
  type KeptTokenKey,
  type LiveGrant,
  type OauthRecords,
  type PersonGrant,
  type TokenEnd,
  tokenAfterglow,
} from '../../../oauth/server/oauth-records.ts';
import type { Connection, Note } from './connection.ts';
import { oauthEntries } from './oauth-entries.ts';

/** The codes, grants, keys and tokens of the store. */
export function oauthRecords(connection: Connection): OauthRecords {
  return { ...oauthEntries(connection), ...tokens(connection), ...keys(connection) };
}

function tokens({
  database,
  read,
  write,
}: Connection): Pick<OauthRecords, 'noteIssued' | 'issued' | 'liveGrants' | 'end' | 'ends' | 'grants'> {
  const insert = database.prepare(
    `INSERT INTO issued_tokens (id, grant_id, client, agent, person, resource, scopes, binding, grant_type, issued_at,
       expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const forget = database.prepare(
    'DELETE FROM issued_tokens WHERE id IN (SELECT id FROM issued_tokens WHERE expires_at < ? LIMIT 200)',
  );
  return {
    noteIssued: (token) =>
      write(() => {
        forget.run(token.issuedAt);
        insert.run(
          token.id,
          token.grantId,
          token.client,
          token.agent,
          token.person,
          token.resource,
          JSON.stringify(token.scopes),
          token.binding,
          token.grantType,
          token.issuedAt,
          token.expiresAt,
        );
      }),
    issued: (now) =>
      read(() => {
        const rows = database
          .prepare('SELECT * FROM issued_tokens WHERE expires_at > ? ORDER BY issued_at, id')
          .all(now);
        return rows.map((row) => toIssued(row as unknown as IssuedRow));
      }),
    liveGrants: (now) =>
      read(
        () =>
          database
            .prepare(
              `SELECT grant_id AS id, person, client, created_at AS createdAt, expires_at AS expiresAt,
                 (SELECT max(agent) FROM oauth_entries AS held WHERE held.grant_id = granted.grant_id) AS agent
               FROM oauth_entries AS granted
               WHERE model = 'Grant' AND (expires_at IS NULL OR expires_at > ?) ORDER BY created_at, id`,
            )
            .all(now)
            .map((row) => ({ ...row })) as unknown as readonly LiveGrant[],
      ),
    end: (end) => write((note) => endTokens(database, end, note)),
    ends: (now) => read(() => listTokenEnds(database, now)),
    grants: (person, now) =>
      read(() => {
        const rows = database
          .prepare(
            `SELECT grant_id AS grantId, client, created_at AS createdAt, expires_at AS expiresAt FROM oauth_entries
             WHERE model = 'Grant' AND person = ?1 AND (expires_at IS NULL OR expires_at > ?2) ORDER BY created_at DESC, id`,
          )
          .all(person, now);
        return rows.map((row) => ({ ...(row as unknown as PersonGrant) }));
      }),
  };
}

/** Ends tokens in the transaction of the caller. */
export function endTokens(database: DatabaseSync, end: TokenEnd, note: Note): void {
  const { kind, key, before, until } = end;
  database.prepare('DELETE FROM token_ends WHERE until < ?').run(before);
  const { changes } = database
    .prepare(
      `INSERT INTO token_ends (kind, key, issued_until, until) VALUES (?, ?, ?, ?)
       ON CONFLICT (kind, key) DO UPDATE SET issued_until = excluded.issued_until, until = excluded.until
       WHERE excluded.issued_until > issued_until`,
    )
    .run(kind, key, before, until);
  if (Number(changes) > 0) note({ kind: 'token-end', key: `${kind} ${key}`, value: end });
  const drop = dropOf[kind];
  if (drop !== null) database.prepare(drop).run(key);
}

/** Ends everything of a person or an agent until now, in the transaction of the caller; what they have nothing of is not told. */
export function endTokensOf(
  database: DatabaseSync,
  { kind, key, at }: { readonly kind: 'person' | 'agent'; readonly key: string; readonly at: number },
  note: Note,
): void {
  const some = database
    .prepare(
      `SELECT EXISTS (SELECT 1 FROM oauth_entries WHERE ${kind} = ?1)
         OR EXISTS (SELECT 1 FROM issued_tokens WHERE ${kind} = ?1 AND expires_at > ?2) AS some`,
    )
    .get(key, at);
  if (some?.['some'] !== 1) return;
  endTokens(database, { kind, key, before: at, until: at + tokenAfterglow }, note);
}

/** What new tokens could come of, by what is ended: a grant with everything of it. */
const dropOf: Readonly<Record<TokenEnd['kind'], string | null>> = {
  token: null,
  grant: 'DELETE FROM oauth_entries WHERE grant_id = ?',
  person: `DELETE FROM oauth_entries WHERE person = ?1
    OR grant_id IN (SELECT grant_id FROM oauth_entries WHERE person = ?1)`,
  agent: `DELETE FROM oauth_entries WHERE agent = ?1
    OR grant_id IN (SELECT grant_id FROM oauth_entries WHERE agent = ?1)`,
};

/** The ends that may still meet a token. */
export function listTokenEnds(database: DatabaseSync, now: number): readonly TokenEnd[] {
  const rows = database
    .prepare(
      'SELECT kind, key, issued_until AS before, until FROM token_ends WHERE until >= ? ORDER BY kind, key',
    )
    .all(now);
  return rows.map((row) => {
    const { kind, key, before, until } = row as unknown as TokenEnd;
    return { kind, key, before, until };
  });
}

interface IssuedRow {
  readonly id: string;
  readonly grant_id: string;
  readonly client: string;
  readonly agent: string | null;
  readonly person: string | null;
  readonly resource: string;
  readonly scopes: string;
  readonly binding: IssuedToken['binding'];
  readonly grant_type: string;
  readonly issued_at: number;
  readonly expires_at: number;
}

function toIssued(row: IssuedRow): IssuedToken {
  return {
    id: row.id,
    grantId: row.grant_id,
    client: row.client,
    agent: row.agent,
    person: row.person,
    resource: row.resource,
    scopes: JSON.parse(row.scopes) as string[],
    binding: row.binding,
    grantType: row.grant_type,
    issuedAt: row.issued_at,
    expiresAt: row.expires_at,
  };
}

function keys({ database, read, write }: Connection): Pick<OauthRecords, 'keys' | 'addKey' | 'dropKeys'> {
  const all = database.prepare(
    'SELECT * FROM oauth_keys ORDER BY retired_at IS NOT NULL, created_at DESC, kid',
  );
  return {
    keys: () => read(() => all.all().map((row) => toKey(row as unknown as KeyRow))),
    addKey: (key, after) =>
      write(() => {
        const signing = database.prepare('SELECT kid FROM oauth_keys WHERE retired_at IS NULL').get();
        if ((signing?.['kid'] ?? null) !== after) return false;
        database.prepare('UPDATE oauth_keys SET retired_at = ? WHERE retired_at IS NULL').run(key.createdAt);
        database
          .prepare('INSERT INTO oauth_keys (kid, public_jwk, sealed, created_at) VALUES (?, ?, ?, ?)')
          .run(key.kid, key.publicJwk, key.sealed, key.createdAt);
        return true;
      }),
    dropKeys: (retiredBefore) =>
      write(() => {
        database.prepare('DELETE FROM oauth_keys WHERE retired_at < ?').run(retiredBefore);
      }),
  };
}

interface KeyRow {
  readonly kid: string;
  readonly public_jwk: string;
  readonly sealed: string;
  readonly created_at: number;
  readonly retired_at: number | null;
}

function toKey(row: KeyRow): KeptTokenKey {
  return {
    kid: row.kid,
    publicJwk: row.public_jwk,
    sealed: row.sealed,
    createdAt: row.created_at,
    retiredAt: row.retired_at,
  };
}
