import type { BrowserSessions, SignedIn } from '../../../oauth/people/browser-sessions.ts';
import type { Connection } from '../connection.ts';
import { all, one, run } from '../work.ts';
import { type PersonRow, toPerson } from './people.ts';

const insert = `INSERT INTO browser_sessions (hash, person, authenticated_at, provider, sid, acr, amr, expires_at)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?)`;
const dropOldest = `DELETE FROM browser_sessions WHERE person = ?1 AND hash NOT IN (
  SELECT hash FROM browser_sessions WHERE person = ?1 ORDER BY expires_at DESC, hash LIMIT ?2)`;
// A session is worth what its person is at this moment: nobody has to be told to end it.
const select = `SELECT people.*, hash, browser_sessions.authenticated_at AS session_at,
    browser_sessions.provider AS session_provider, sid, acr, amr, expires_at
  FROM browser_sessions JOIN people USING (person)
  WHERE hash = ? AND ? < expires_at AND state = 'active'
    AND (revoked_at IS NULL OR browser_sessions.authenticated_at > revoked_at)`;

/** The browser sessions of the store. */
export function browserSessions({ read, write }: Connection): BrowserSessions {
  return {
    add: (session, { most, now }) =>
      write(function* () {
        const { hash, person, authenticatedAt, provider, sid, acr, amr, expiresAt } = session;
        yield* run('DELETE FROM browser_sessions WHERE expires_at <= ?', now);
        yield* run(insert, hash, person, authenticatedAt, provider, sid, acr, JSON.stringify(amr), expiresAt);
        yield* run(dropOldest, person, most);
      }),
    find: (hash, now) => read(() => one(toSignedIn, select, hash, now)),
    endAll: (person) =>
      write(function* () {
        yield* run('DELETE FROM browser_sessions WHERE person = ?', person);
      }),
    ofProvider: (provider, sid) =>
      read(() =>
        all(
          (row: SessionRow) => row.person,
          'SELECT DISTINCT person FROM browser_sessions WHERE provider = ? AND sid = ?',
          provider,
          sid,
        ),
      ),
    end: (hash) =>
      write(function* () {
        return (yield* run('DELETE FROM browser_sessions WHERE hash = ?', hash)) === 1;
      }),
  };
}

function toSignedIn(row: PersonRow & SessionRow): SignedIn {
  const session = {
    hash: row.hash,
    person: row.person,
    authenticatedAt: row.session_at,
    provider: row.session_provider,
    sid: row.sid,
    acr: row.acr,
    amr: JSON.parse(row.amr) as string[],
    expiresAt: row.expires_at,
  };
  const { login: _login, ...person } = toPerson(row);
  return { session, person };
}

interface SessionRow {
  readonly hash: string;
  readonly person: string;
  readonly session_at: number;
  readonly session_provider: string | null;
  readonly sid: string | null;
  readonly acr: string | null;
  readonly amr: string;
  readonly expires_at: number;
}
