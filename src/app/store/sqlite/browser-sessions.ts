import type { BrowserSessions } from '../../../oauth/people/browser-sessions.ts';
import type { Connection } from './connection.ts';
import { type PersonRow, toRecord } from './people.ts';

/** The browser sessions of the store. */
export function browserSessions({ database, read, write }: Connection): BrowserSessions {
  const forget = database.prepare('DELETE FROM browser_sessions WHERE expires_at <= ?');
  const insert = database.prepare(
    'INSERT INTO browser_sessions (hash, person, authenticated_at, provider, sid, acr, amr, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  );
  const drop = database.prepare(
    `DELETE FROM browser_sessions WHERE hash IN (
       SELECT hash FROM browser_sessions WHERE person = ? ORDER BY expires_at DESC, hash LIMIT -1 OFFSET ?)`,
  );
  // A session is worth what its person is at this moment: nobody has to be told to end it.
  const select = database.prepare(
    `SELECT people.*, hash, browser_sessions.authenticated_at AS session_at, browser_sessions.provider AS session_provider,
       sid, acr, amr, expires_at
     FROM browser_sessions JOIN people USING (person)
     WHERE hash = ? AND ? < expires_at AND state = 'active'
       AND (revoked_at IS NULL OR browser_sessions.authenticated_at > revoked_at)`,
  );
  const end = database.prepare('DELETE FROM browser_sessions WHERE hash = ?');
  return {
    add: (session, { most, now }) =>
      write(() => {
        const { hash, person, authenticatedAt, provider, sid, acr, amr, expiresAt } = session;
        forget.run(now);
        insert.run(hash, person, authenticatedAt, provider, sid, acr, JSON.stringify(amr), expiresAt);
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
          provider: row.session_provider,
          sid: row.sid,
          acr: row.acr,
          amr: JSON.parse(row.amr) as string[],
          expiresAt: row.expires_at,
        };
        const { login: _login, ...person } = toRecord(row);
        return { session, person };
      }),
    endAll: (person) =>
      write(() => {
        database.prepare('DELETE FROM browser_sessions WHERE person = ?').run(person);
      }),
    ofProvider: (provider, sid) =>
      read(() => {
        const rows = database
          .prepare('SELECT DISTINCT person FROM browser_sessions WHERE provider = ? AND sid = ?')
          .all(provider, sid);
        return rows.map((row) => (row as unknown as SessionRow).person);
      }),
    end: (hash) => write(() => Number(end.run(hash).changes) === 1),
  };
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
