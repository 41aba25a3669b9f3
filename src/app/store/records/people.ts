import type { Login, PersonRecord } from '../../../enrol/person/login-records.ts';
import { Fault } from '../../../kernel/fault.ts';
import type { Connection } from '../connection.ts';
import type { PeopleOfStore } from '../store.ts';
import { all, one, run, type Work } from '../work.ts';
import { endTokensOf } from './token-ends.ts';

const putLogin = `INSERT INTO people (person, provider, issuer, subject, claims, login_at, authenticated_at)
  VALUES (?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (person) DO UPDATE SET provider = excluded.provider, issuer = excluded.issuer,
    subject = excluded.subject, claims = excluded.claims, login_at = excluded.login_at,
    authenticated_at = excluded.authenticated_at`;
const putRevocation = `INSERT INTO people (person, revoked_at) VALUES (?, ?)
  ON CONFLICT (person) DO UPDATE SET revoked_at = excluded.revoked_at
    WHERE people.revoked_at IS NULL OR excluded.revoked_at > people.revoked_at`;
const dropLogin = `UPDATE people SET provider = NULL, issuer = NULL, subject = NULL, claims = NULL, login_at = NULL,
  authenticated_at = NULL WHERE person = ? AND subject IS NOT NULL`;
const insert = `INSERT INTO people (person, display_name, groups, added_at) VALUES (?, ?, ?, ?)
  ON CONFLICT (person) DO UPDATE SET display_name = excluded.display_name, groups = excluded.groups,
    added_at = excluded.added_at
  WHERE people.added_at IS NULL`;
// The row stays, for what was proved before.
const empty = `UPDATE people SET display_name = NULL, groups = '[]', state = 'active', added_at = NULL WHERE person = ?`;

/** The people of the store: one row for each, whichever way they prove who they are. */
export function personRecords({ read, write }: Connection): PeopleOfStore {
  return {
    find: (person) => read(() => find(person)),
    ofAccount: (issuer, subject) =>
      read(() =>
        one(
          (row: PersonRow) => row.person,
          'SELECT person FROM people WHERE issuer = ? AND subject = ?',
          issuer,
          subject,
        ),
      ),
    logins: () =>
      read(function* () {
        const people = yield* all(toPerson, 'SELECT * FROM people WHERE subject IS NOT NULL ORDER BY person');
        return people.flatMap(({ login }) => login ?? []);
      }),
    list: () => read(() => all(toPerson, 'SELECT * FROM people ORDER BY person')),
    add: ({ person, displayName, groups }, at) =>
      write(function* () {
        if ((yield* run(insert, person, displayName, JSON.stringify(groups), at)) === 0) {
          throw new Fault('conflict', `There is a person ${person} already.`);
        }
        return yield* must(person);
      }),
    change: (person, patch) =>
      write(function* () {
        const after = { ...(yield* must(person)), ...patch };
        yield* run(
          'UPDATE people SET display_name = ?, groups = ?, state = ? WHERE person = ?',
          after.displayName,
          JSON.stringify(after.groups),
          after.state,
          person,
        );
        if (after.state === 'disabled') yield* run('DELETE FROM invitations WHERE person = ?', person);
        return after;
      }),
    enter: (login) =>
      write(function* () {
        checkAccount(login, yield* find(login.person));
        const { person, provider, issuer, subject, claims, at, authenticatedAt } = login;
        yield* run(putLogin, person, provider, issuer, subject, JSON.stringify(claims), at, authenticatedAt);
      }),
    revoke: (person, at) =>
      write(function* (note) {
        yield* run(putRevocation, person, at);
        yield* endTokensOf({ kind: 'person', key: person, at }, note);
      }),
    forget: (person) =>
      write(function* () {
        return (yield* run(dropLogin, person)) === 1;
      }),
    remove: (person, at) =>
      write(function* (note) {
        if (!(yield* find(person))) return false;
        for (const table of ['passkeys', 'invitations', 'browser_sessions', 'consents']) {
          yield* run(`DELETE FROM ${table} WHERE person = ?`, person);
        }
        yield* run(dropLogin, person);
        yield* run(putRevocation, person, at);
        yield* endTokensOf({ kind: 'person', key: person, at }, note);
        yield* run(empty, person);
        return true;
      }),
  };
}

function find(person: string): Work<PersonRecord | null> {
  return one(toPerson, 'SELECT * FROM people WHERE person = ?', person);
}

function* must(person: string): Work<PersonRecord> {
  const found = yield* find(person);
  if (found) return found;
  throw new Fault('not_found', `There is no person ${person} here. See: countersign person list`);
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
export function toPerson(row: PersonRow): PersonRecord {
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
