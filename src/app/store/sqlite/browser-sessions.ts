import type { BrowserSessions } from '../../../oauth/people/browser-sessions.ts';
import type { Connection } from './connection.ts';
import { type PersonRow, toRecord } from './people.ts';

/** The browser sessions of the store. */
export function browserSessions({ database, read, write }: Connection): BrowserSessions {
  const forget = database.prepare('DELETE FROM browser_sessions WHERE expires_at <= ?');
  const insert = database.prepare(
    'INSERT INTO browser_sessions (hash, person, authenticated_at, expires_at) VALUES (?, ?, ?, ?)',
  );
  const drop = database.prepare(
    `DELETE FROM browser_sessions WHERE hash IN (
       SELECT hash FROM browser_sessions WHERE person = ? ORDER BY authenticated_at DESC, hash LIMIT -1 OFFSET ?)`,
  );
  // A session is worth what its person is at this moment: nobody has to be told to end it.
  const select = database.prepare(
    `SELECT people.*, hash, browser_sessions.authenticated_at AS session_at, expires_at
     FROM browser_sessions JOIN people USING (person)
     WHERE hash = ? AND ? < expires_at AND state = 'active'
       AND (revoked_at IS NULL OR browser_sessions.authenticated_at > revoked_at)`,
  );
  const end = database.prepare('DELETE FROM browser_sessions WHERE hash = ?');
  return {
    add: ({ hash, person, authenticatedAt, expiresAt }, most) =>
      write(() => {
        forget.run(authenticatedAt);
        insert.run(hash, person, authenticatedAt, expiresAt);
        drop.run(person, most);
      }),
    find: (hash, now) =>
      read(() => {
        const row = select.get(hash, now) as unknown as (PersonRow & SessionRow) | undefined;
        if (!row) return null;
        const session = {
          hash: row.hash,
          person: row.person,
          authenticatedAt: row.session_at,
          expiresAt: row.expires_at,
        };
        const { login: _login, ...person } = toRecord(row);
        return { session, person };
      }),
    endAll: (person) =>
      write(() => {
        database.prepare('DELETE FROM browser_sessions WHERE person = ?').run(person);
      }),
    end: (hash) => write(() => Number(end.run(hash).changes) === 1),
  };
}

interface SessionRow {
  readonly hash: string;
  readonly session_at: number;
  readonly expires_at: number;
}
