import type { Invitation, Invitations } from '../../../oauth/people/invitations.ts';
import type { Connection } from './connection.ts';
import { addPasskey } from './passkeys.ts';

/** The invitations of the store. */
export function invitationRecords({ database, read, write }: Connection): Invitations {
  const clear = database.prepare("DELETE FROM invitations WHERE coalesce(person, '') = ? OR expires_at <= ?");
  const insert = database.prepare(
    'INSERT INTO invitations (hash, person, created_by, created_at, expires_at) VALUES (?, ?, ?, ?, ?)',
  );
  const select = database.prepare('SELECT * FROM invitations WHERE hash = ? AND ? < expires_at');
  // One statement is the whole compare-and-set: of many callers, in any process, one gets the row.
  const take = database.prepare('DELETE FROM invitations WHERE hash = ? AND ? < expires_at RETURNING person');
  const began = database.prepare("SELECT 1 FROM meta WHERE name = 'people-began'");
  const begin = database.prepare(
    "INSERT INTO meta (name, value) VALUES ('people-began', ?) ON CONFLICT DO NOTHING",
  );
  const anybody = database.prepare('SELECT 1 FROM people WHERE added_at IS NOT NULL LIMIT 1');
  const isActive = database.prepare(
    "SELECT 1 FROM people WHERE person = ? AND added_at IS NOT NULL AND state = 'active'",
  );
  const addPerson = database.prepare('INSERT INTO people (person, added_at) VALUES (?, ?)');
  const known = database.prepare('SELECT 1 FROM people WHERE person = ?');
  const isOver = (): boolean => began.get() !== undefined || anybody.get() !== undefined;
  return {
    add: ({ hash, person, createdBy, createdAt, expiresAt }) =>
      write(() => {
        if (person === null ? isOver() : !isActive.get(person)) return false;
        clear.run(person ?? '', createdAt);
        insert.run(hash, person, createdBy, createdAt, expiresAt);
        return true;
      }),
    find: (hash, now) =>
      read(() => {
        const row = select.get(hash, now) as unknown as InvitationRow | undefined;
        // Somebody was added since: whoever holds the link of the first person is not that one.
        return row && (row.person !== null || !isOver()) ? toInvitation(row) : null;
      }),
    redeem: (hash, passkey) =>
      write(() => {
        const { person, createdAt } = passkey;
        const row = take.get(hash, createdAt) as { readonly person: string | null } | undefined;
        if (!row) return false;
        if (row.person === null) {
          if (isOver() || known.get(person)) return false;
          addPerson.run(person, createdAt);
        } else if (row.person !== person || !isActive.get(person)) return false;
        addPasskey(database, passkey);
        begin.run(String(createdAt));
        return true;
      }),
    withdraw: (person) =>
      write(() => {
        database.prepare('DELETE FROM invitations WHERE person = ?').run(person);
      }),
  };
}

interface InvitationRow {
  readonly hash: string;
  readonly person: string | null;
  readonly created_by: string;
  readonly created_at: number;
  readonly expires_at: number;
}

function toInvitation(row: InvitationRow): Invitation {
  return {
    hash: row.hash,
    person: row.person,
    createdBy: row.created_by,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  };
}
