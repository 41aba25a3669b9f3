import type { Login, PersonRecord } from '../../../enrol/person/login-records.ts';
import { Fault } from '../../../kernel/fault.ts';
import type { PeopleOfStore } from '../store.ts';
import type { Connection } from './connection.ts';
import { endTokensOf } from './oauth-tokens.ts';

/** The people of the store: one row for each, whichever way they prove who they are. */
export function personRecords({ database, read, write }: Connection): PeopleOfStore {
  const select = database.prepare('SELECT * FROM people WHERE person = ?');
  const selectAll = database.prepare('SELECT * FROM people WHERE subject IS NOT NULL ORDER BY person');
  const put = database.prepare(
    `INSERT INTO people (person, provider, issuer, subject, claims, login_at, authenticated_at)
     VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (person) DO UPDATE SET provider = excluded.provider, issuer = excluded.issuer,
       subject = excluded.subject, claims = excluded.claims, login_at = excluded.login_at,
       authenticated_at = excluded.authenticated_at`,
  );
  const revoke = database.prepare(
    `INSERT INTO people (person, revoked_at) VALUES (?, ?)
     ON CONFLICT (person) DO UPDATE SET revoked_at = max(coalesce(revoked_at, 0), excluded.revoked_at)`,
  );
  const forget = database.prepare(
    `UPDATE people SET provider = NULL, issuer = NULL, subject = NULL, claims = NULL, login_at = NULL,
       authenticated_at = NULL
     WHERE person = ? AND subject IS NOT NULL`,
  );
  const addPerson = database.prepare(
    `INSERT INTO people (person, display_name, groups, added_at) VALUES (?1, ?2, ?3, ?4)
     ON CONFLICT (person) DO UPDATE SET display_name = excluded.display_name, groups = excluded.groups,
       added_at = excluded.added_at
     WHERE added_at IS NULL`,
  );
  const update = database.prepare(
    'UPDATE people SET display_name = ?, groups = ?, state = ? WHERE person = ?',
  );
  const withdraw = database.prepare('DELETE FROM invitations WHERE person = ?');
  const find = (person: string): PersonRecord | null => {
    const row = select.get(person);
    return row ? toRecord(row as unknown as PersonRow) : null;
  };
  const must = (person: string): PersonRecord => {
    const found = find(person);
    if (found) return found;
    throw new Fault('not_found', `There is no person ${person} here. See: countersign person list`);
  };
  return {
    find: (person) => read(() => find(person)),
    ofAccount: (issuer, subject) =>
      read(() => {
        const row = database
          .prepare('SELECT person FROM people WHERE issuer = ? AND subject = ?')
          .get(issuer, subject);
        return row ? (row as unknown as PersonRow).person : null;
      }),
    logins: () =>
      read(() => selectAll.all().flatMap((row) => toRecord(row as unknown as PersonRow).login ?? [])),
    list: () =>
      read(() => {
        const rows = database.prepare('SELECT * FROM people ORDER BY person').all();
        return rows.map((row) => toRecord(row as unknown as PersonRow));
      }),
    add: ({ person, displayName, groups }, at) =>
      write(() => {
        if (addPerson.run(person, displayName, JSON.stringify(groups), at).changes === 0) {
          throw new Fault('conflict', `There is a person ${person} already.`);
        }
        return must(person);
      }),
    change: (person, patch) =>
      write(() => {
        const after = { ...must(person), ...patch };
        update.run(after.displayName, JSON.stringify(after.groups), after.state, person);
        if (after.state === 'disabled') withdraw.run(person);
        return after;
      }),
    enter: (login) =>
      write(() => {
        checkAccount(login, find(login.person));
        const { person, provider, issuer, subject, claims, at, authenticatedAt } = login;
        put.run(person, provider, issuer, subject, JSON.stringify(claims), at, authenticatedAt);
      }),
    revoke: (person, at) =>
      write((note) => {
        revoke.run(person, at);
        endTokensOf(database, { kind: 'person', key: person, at }, note);
      }),
    forget: (person) => write(() => Number(forget.run(person).changes) === 1),
    remove: (person, at) =>
      write((note) => {
        if (!find(person)) return false;
        for (const table of ['passkeys', 'invitations', 'browser_sessions', 'consents']) {
          database.prepare(`DELETE FROM ${table} WHERE person = ?`).run(person);
        }
        forget.run(person);
        revoke.run(person, at);
        endTokensOf(database, { kind: 'person', key: person, at }, note);
        // The row stays, for what was proved before.
        database
          .prepare(
            `UPDATE people SET display_name = NULL, groups = '[]', state = 'active', added_at = NULL WHERE person = ?`,
          )
          .run(person);
        return true;
      }),
  };
}

function checkAccount(login: Login, known: PersonRecord | null): void {
  if (known?.state === 'disabled') throw new Fault('login_refused', `${login.person} is disabled here.`);
  const before = known?.login ?? null;
  // A name is given to somebody else one day, and some providers let people choose theirs.
  if (before && (before.issuer !== login.issuer || before.subject !== login.subject)) {
    const detail = `${login.person} is another account here. If the name went from one to the other, an administrator says so: countersign person forget ${login.person}`;
    throw new Fault('login_refused', detail);
  }
  // Providers tell whole seconds, the second of the revocation among them.
  const revokedAt = known?.revokedAt ?? null;
  if (revokedAt !== null && login.authenticatedAt <= revokedAt) {
    const detail = `${login.person} was revoked at ${new Date(revokedAt).toISOString()}, after this login was proved. Authenticate anew: run the command with --again`;
    throw new Fault('login_refused', detail);
  }
}

/** A row of the table `people`. */
export interface PersonRow {
  readonly person: string;
  readonly provider: string | null;
  readonly issuer: string | null;
  readonly subject: string | null;
  readonly claims: string | null;
  readonly login_at: number | null;
  readonly authenticated_at: number | null;
  readonly revoked_at: number | null;
  readonly display_name: string | null;
  readonly groups: string;
  readonly state: PersonRecord['state'];
  readonly added_at: number | null;
}

/** A person as the ports have them. */
export function toRecord(row: PersonRow): PersonRecord {
  const { person } = row;
  return {
    person,
    displayName: row.display_name,
    groups: JSON.parse(row.groups) as string[],
    state: row.state,
    addedAt: row.added_at,
    login: loginOf(row),
    revokedAt: row.revoked_at,
  };
}

function loginOf({ person, subject, ...row }: PersonRow): Login | null {
  if (subject === null) return null;
  return {
    person,
    provider: row.provider ?? '',
    issuer: row.issuer ?? '',
    subject,
    claims: JSON.parse(row.claims ?? '{}') as Login['claims'],
    at: row.login_at ?? 0,
    authenticatedAt: row.authenticated_at ?? 0,
  };
}
