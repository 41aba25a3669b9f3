import type { Invitation, Invitations } from '../../../oauth/people/invitations.ts';
import type { Connection } from '../connection.ts';
import { exists, one, run, type Work } from '../work.ts';
import { addPasskey } from './passkeys.ts';

const clear = `DELETE FROM invitations WHERE coalesce(person, '') = ? OR expires_at <= ?`;
const insert =
  'INSERT INTO invitations (hash, person, created_by, created_at, expires_at) VALUES (?, ?, ?, ?, ?)';
// One statement is the whole compare-and-set: of many callers, in any process, one gets the row.
const take = 'DELETE FROM invitations WHERE hash = ? AND ? < expires_at RETURNING *';
const begin = `INSERT INTO meta (name, value) VALUES ('people-began', ?) ON CONFLICT DO NOTHING`;

/** The invitations of the store. */
export function invitationRecords({ readAtOnce, write }: Connection): Invitations {
  return {
    add: ({ hash, person, createdBy, createdAt, expiresAt }) =>
      write(function* () {
        if (person === null ? yield* isOver() : !(yield* isActive(person))) return false;
        yield* run(clear, person ?? '', createdAt);
        yield* run(insert, hash, person, createdBy, createdAt, expiresAt);
        return true;
      }),
    find: (hash, now) =>
      readAtOnce(function* () {
        const invitation = yield* one(
          toInvitation,
          'SELECT * FROM invitations WHERE hash = ? AND ? < expires_at',
          hash,
          now,
        );
        // Somebody was added since: whoever holds the link of the first person is not that one.
        return invitation && (invitation.person !== null || !(yield* isOver())) ? invitation : null;
      }),
    redeem: (hash, passkey) =>
      write(function* () {
        const { person, createdAt } = passkey;
        const invitation = yield* one(toInvitation, take, hash, createdAt);
        if (!invitation) return false;
        if (invitation.person === null) {
          if ((yield* isOver()) || (yield* exists('SELECT 1 FROM people WHERE person = ?', person)))
            return false;
          yield* run('INSERT INTO people (person, added_at) VALUES (?, ?)', person, createdAt);
        } else if (invitation.person !== person || !(yield* isActive(person))) return false;
        yield* addPasskey(passkey);
        yield* run(begin, String(createdAt));
        return true;
      }),
    withdraw: (person) =>
      write(function* () {
        yield* run('DELETE FROM invitations WHERE person = ?', person);
      }),
  };
}

/** Whether the time of the first person is over. */
function* isOver(): Work<boolean> {
  return (
    (yield* exists(`SELECT 1 FROM meta WHERE name = 'people-began'`)) ||
    (yield* exists('SELECT 1 FROM people WHERE added_at IS NOT NULL LIMIT 1'))
  );
}

function isActive(person: string): Work<boolean> {
  return exists(
    `SELECT 1 FROM people WHERE person = ? AND added_at IS NOT NULL AND state = 'active'`,
    person,
  );
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
