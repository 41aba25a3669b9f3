import type { Login, PersonRecord, PersonRecords } from '../../../enrol/person/login-records.ts';
import { Fault } from '../../../kernel/fault.ts';
import type { Connection } from './connection.ts';

/** The people of the store. */
export function personRecords({ database, read, write }: Connection): PersonRecords {
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
  const find = (person: string): PersonRecord | null => {
    const row = select.get(person);
    return row ? toRecord(row as unknown as PersonRow) : null;
  };
  return {
    find: (person) => read(() => find(person)),
    logins: () =>
      read(() => selectAll.all().flatMap((row) => toRecord(row as unknown as PersonRow).login ?? [])),
    enter: (login) =>
      write(() => {
        checkAccount(login, find(login.person));
        const { person, provider, issuer, subject, claims, at, authenticatedAt } = login;
        put.run(person, provider, issuer, subject, JSON.stringify(claims), at, authenticatedAt);
      }),
    revoke: (person, at) =>
      write(() => {
        revoke.run(person, at);
      }),
    forget: (person) => write(() => Number(forget.run(person).changes) === 1),
  };
}

function checkAccount(login: Login, known: PersonRecord | null): void {
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

interface PersonRow {
  readonly person: string;
  readonly provider: string | null;
  readonly issuer: string | null;
  readonly subject: string | null;
  readonly claims: string | null;
  readonly login_at: number | null;
  readonly authenticated_at: number | null;
  readonly revoked_at: number | null;
}

function toRecord(row: PersonRow): PersonRecord {
  const { person, provider, issuer, subject, claims, login_at: at } = row;
  return {
    person,
    login:
      subject === null
        ? null
        : {
            person,
            provider: provider ?? '',
            issuer: issuer ?? '',
            subject,
            claims: JSON.parse(claims ?? '{}') as Login['claims'],
            at: at ?? 0,
            authenticatedAt: row.authenticated_at ?? 0,
          },
    revokedAt: row.revoked_at,
  };
}
