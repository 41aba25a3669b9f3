import type { Consent, Consents } from '../../../oauth/people/consents.ts';
import type { Connection } from './connection.ts';

/** The consents of the store. */
export function consentRecords({ database, read, write }: Connection): Consents {
  const forget = database.prepare('DELETE FROM consents WHERE expires_at <= ?');
  const put = database.prepare(
    `INSERT OR REPLACE INTO consents (person, key, client, client_name, redirect, scopes, resources, given_at, expires_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  // What somebody said before they were revoked is nothing that whoever had their session may rely on.
  const standing = `SELECT consents.* FROM consents JOIN people USING (person)
     WHERE person = ?1 AND ?2 < expires_at AND state = 'active' AND (revoked_at IS NULL OR given_at > revoked_at)`;
  const has = database.prepare(`${standing} AND key = ?3`);
  const list = database.prepare(`${standing} ORDER BY given_at DESC, key`);
  const withdraw = database.prepare('DELETE FROM consents WHERE person = ? AND client = ?');
  return {
    put: (consent) =>
      write(() => {
        const { person, key, client, clientName, redirect, scopes, resources, givenAt, expiresAt } = consent;
        forget.run(givenAt);
        const lists = [JSON.stringify(scopes), JSON.stringify(resources)] as const;
        put.run(person, key, client, clientName, redirect, ...lists, givenAt, expiresAt);
      }),
    has: (person, key, now) => read(() => has.get(person, now, key) !== undefined),
    list: (person, now) => read(() => list.all(person, now).map((row) => toConsent(row as unknown as Row))),
    withdraw: (person, client) => write(() => Number(withdraw.run(person, client).changes)),
  };
}

interface Row {
  readonly person: string;
  readonly key: string;
  readonly client: string;
  readonly client_name: string | null;
  readonly redirect: string;
  readonly scopes: string;
  readonly resources: string;
  readonly given_at: number;
  readonly expires_at: number;
}

function toConsent(row: Row): Consent {
  return {
    person: row.person,
    key: row.key,
    client: row.client,
    clientName: row.client_name,
    redirect: row.redirect,
    scopes: JSON.parse(row.scopes) as string[],
    resources: JSON.parse(row.resources) as string[],
    givenAt: row.given_at,
    expiresAt: row.expires_at,
  };
}
