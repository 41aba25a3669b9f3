import type { Consent, Consents } from '../../../oauth/people/consents.ts';
import type { Connection } from '../connection.ts';
import { all, exists, run } from '../work.ts';

const put = `INSERT INTO consents (person, key, client, client_name, redirect, scopes, resources, given_at, expires_at)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (person, key) DO UPDATE SET client = excluded.client, client_name = excluded.client_name,
    redirect = excluded.redirect, scopes = excluded.scopes, resources = excluded.resources,
    given_at = excluded.given_at, expires_at = excluded.expires_at`;
// What somebody said before they were revoked is nothing that whoever had their session may rely on.
const standing = `SELECT consents.* FROM consents JOIN people USING (person)
  WHERE person = ?1 AND ?2 < expires_at AND state = 'active' AND (revoked_at IS NULL OR given_at > revoked_at)`;

/** The consents of the store. */
export function consentRecords({ read, write }: Connection): Consents {
  return {
    put: (consent) =>
      write(function* () {
        const { person, key, client, clientName, redirect, scopes, resources, givenAt, expiresAt } = consent;
        yield* run('DELETE FROM consents WHERE expires_at <= ?', givenAt);
        const lists = [JSON.stringify(scopes), JSON.stringify(resources)] as const;
        yield* run(put, person, key, client, clientName, redirect, ...lists, givenAt, expiresAt);
      }),
    has: (person, key, now) => read(() => exists(`${standing} AND key = ?3`, person, now, key)),
    list: (person, now) => read(() => all(toConsent, `${standing} ORDER BY given_at DESC, key`, person, now)),
    withdraw: (person, client) =>
      write(() => run('DELETE FROM consents WHERE person = ? AND client = ?', person, client)),
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
