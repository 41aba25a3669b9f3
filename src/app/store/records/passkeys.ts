import { Fault } from '../../../kernel/fault.ts';
import type { Passkey, Passkeys } from '../../../oauth/people/passkeys.ts';
import type { Connection } from '../connection.ts';
import { all, one, run, type Work } from '../work.ts';

// WebAuthn Level 3 §7.2 step 22, as one statement: of two assertions with one counter one is noted. Those that do not count stay at 0.
const use = `UPDATE passkeys SET counter = ?2, is_copied = ?3, last_used_at = ?4
  WHERE id = ?1 AND (counter < ?2 OR (counter = 0 AND ?2 = 0))`;
const insert = `INSERT INTO passkeys (id, person, host, public_key, counter, transports, may_be_copied, is_copied,
  created_at, last_used_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`;

/** The passkeys of the store. */
export function passkeyRecords({ read, write }: Connection): Passkeys {
  return {
    find: (id) => read(() => one(toPasskey, 'SELECT * FROM passkeys WHERE id = ?', id)),
    list: (person) =>
      read(() => all(toPasskey, 'SELECT * FROM passkeys WHERE person = ? ORDER BY created_at, id', person)),
    used: (id, { counter, isCopied, at }) =>
      write(function* () {
        return (yield* run(use, id, counter, Number(isCopied), at)) === 1;
      }),
    remove: (id) => write(() => one(toPasskey, 'DELETE FROM passkeys WHERE id = ? RETURNING *', id)),
  };
}

/** Adds a passkey in the transaction of the caller. Throws Fault `conflict` for one that somebody has. */
export function* addPasskey(passkey: Passkey): Work<void> {
  const added = yield* run(
    insert,
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
  if (added === 0) throw new Fault('conflict', 'This passkey is enrolled already.');
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
