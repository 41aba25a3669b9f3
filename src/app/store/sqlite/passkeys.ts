import type { DatabaseSync } from 'node:sqlite';
import { Fault } from '../../../kernel/fault.ts';
import type { Passkey, Passkeys } from '../../../oauth/people/passkeys.ts';
import type { Connection } from './connection.ts';
import { isTaken } from './storage-fault.ts';

/** The passkeys of the store. */
export function passkeyRecords({ database, read, write }: Connection): Passkeys {
  const select = database.prepare('SELECT * FROM passkeys WHERE id = ?');
  const remove = database.prepare('DELETE FROM passkeys WHERE id = ? RETURNING *');
  // WebAuthn Level 3 §7.2 step 22, as one statement: of two assertions with one counter one is noted. Those that do not count stay at 0.
  const used = database.prepare(
    `UPDATE passkeys SET counter = ?2, is_copied = ?3, last_used_at = ?4
     WHERE id = ?1 AND (counter < ?2 OR (counter = 0 AND ?2 = 0))`,
  );
  return {
    find: (id) =>
      read(() => {
        const row = select.get(id);
        return row ? toPasskey(row as unknown as PasskeyRow) : null;
      }),
    list: (person) =>
      read(() => {
        const rows = database
          .prepare('SELECT * FROM passkeys WHERE person = ? ORDER BY created_at, id')
          .all(person);
        return rows.map((row) => toPasskey(row as unknown as PasskeyRow));
      }),
    used: (id, { counter, isCopied, at }) =>
      write(() => Number(used.run(id, counter, Number(isCopied), at).changes) === 1),
    remove: (id) =>
      write(() => {
        const row = remove.get(id);
        return row ? toPasskey(row as unknown as PasskeyRow) : null;
      }),
  };
}

/** Adds a passkey in the transaction of the caller. Throws Fault `conflict` for one that somebody has. */
export function addPasskey(database: DatabaseSync, passkey: Passkey): void {
  try {
    database
      .prepare(
        `INSERT INTO passkeys (id, person, host, public_key, counter, transports, may_be_copied, is_copied, created_at, last_used_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        passkey.id,
        passkey.person,
        passkey.host,
        passkey.publicKey,
        passkey.counter,
        JSON.stringify(passkey.transports),
        Number(passkey.mayBeCopied),
        Number(passkey.isCopied),
        passkey.createdAt,
        passkey.lastUsedAt,
      );
  } catch (error) {
    if (!isTaken(error)) throw error;
    throw new Fault('conflict', 'This passkey is enrolled already.', { cause: error });
  }
}

interface PasskeyRow {
  readonly id: string;
  readonly person: string;
  readonly host: string;
  readonly public_key: Uint8Array;
  readonly counter: number;
  readonly transports: string;
  readonly may_be_copied: number;
  readonly is_copied: number;
  readonly created_at: number;
  readonly last_used_at: number | null;
}

function toPasskey(row: PasskeyRow): Passkey {
  return {
    id: row.id,
    person: row.person,
    host: row.host,
    publicKey: row.public_key,
    counter: row.counter,
    transports: JSON.parse(row.transports) as string[],
    mayBeCopied: row.may_be_copied === 1,
    isCopied: row.is_copied === 1,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at,
  };
}
