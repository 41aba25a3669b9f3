import type {
  IssuedToken,
  KeptTokenKey,
  LiveGrant,
  OauthRecords,
  PersonGrant,
} from '../../../oauth/server/oauth-records.ts';
import type { Connection } from '../connection.ts';
import { all, one, run } from '../work.ts';
import { oauthEntries } from './oauth-entries.ts';
import { endTokens, listTokenEnds } from './token-ends.ts';

const insertToken = `INSERT INTO issued_tokens (id, grant_id, client, agent, person, resource, scopes, binding, grant_type,
  issued_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
const sweepTokens =
  'DELETE FROM issued_tokens WHERE id IN (SELECT id FROM issued_tokens WHERE expires_at < ? LIMIT 200)';
const selectGrants = `SELECT grant_id AS id, person, client, created_at AS "createdAt", expires_at AS "expiresAt",
    (SELECT max(agent) FROM oauth_entries AS held WHERE held.grant_id = granted.grant_id) AS agent
  FROM oauth_entries AS granted
  WHERE model = 'Grant' AND (expires_at IS NULL OR expires_at > ?) ORDER BY created_at, granted.id`;
const selectGrantsOf = `SELECT grant_id AS "grantId", client, created_at AS "createdAt", expires_at AS "expiresAt"
  FROM oauth_entries WHERE model = 'Grant' AND person = ?1 AND (expires_at IS NULL OR expires_at > ?2)
  ORDER BY created_at DESC, id`;

/** The codes, grants, keys and tokens of the store. */
export function oauthRecords(connection: Connection): OauthRecords {
  return { ...oauthEntries(connection), ...tokens(connection), ...keys(connection) };
}

function tokens({
  read,
  write,
}: Connection): Pick<OauthRecords, 'noteIssued' | 'issued' | 'liveGrants' | 'end' | 'ends' | 'grants'> {
  return {
    noteIssued: (token) =>
      write(function* () {
        yield* run(sweepTokens, token.issuedAt);
        yield* run(
          insertToken,
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
      read(() =>
        all(toIssued, 'SELECT * FROM issued_tokens WHERE expires_at > ? ORDER BY issued_at, id', now),
      ),
    liveGrants: (now) => read(() => all((row: LiveGrant) => ({ ...row }), selectGrants, now)),
    end: (end) => write((note) => endTokens(end, note)),
    ends: (now) => read(() => listTokenEnds(now)),
    grants: (person, now) => read(() => all((row: PersonGrant) => ({ ...row }), selectGrantsOf, person, now)),
  };
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

function keys({ read, write }: Connection): Pick<OauthRecords, 'keys' | 'addKey' | 'dropKeys'> {
  return {
    keys: () =>
      read(() =>
        all(toKey, 'SELECT * FROM oauth_keys ORDER BY retired_at IS NOT NULL, created_at DESC, kid'),
      ),
    addKey: (key, after) =>
      write(function* () {
        const signing = yield* one(
          (row: KeyRow) => row.kid,
          'SELECT kid FROM oauth_keys WHERE retired_at IS NULL',
        );
        if (signing !== after) return false;
        yield* run('UPDATE oauth_keys SET retired_at = ? WHERE retired_at IS NULL', key.createdAt);
        yield* run(
          'INSERT INTO oauth_keys (kid, public_jwk, sealed, created_at) VALUES (?, ?, ?, ?)',
          key.kid,
          key.publicJwk,
          key.sealed,
          key.createdAt,
        );
        return true;
      }),
    dropKeys: (retiredBefore) =>
      write(function* () {
        yield* run('DELETE FROM oauth_keys WHERE retired_at < ?', retiredBefore);
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
