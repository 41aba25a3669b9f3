import { Fault } from '../../../kernel/fault.ts';
import type { JsonObject } from '../../../kernel/canonical-json.ts';
import { randomId } from '../../../kernel/random.ts';
import { type AlertRecord, type AlertRecords, alertRoom, type MessageOf } from '../alert-records.ts';
import type { Connection } from './connection.ts';

const columns = `id, cause, state, kind, name, serial, ends_at AS endsAt, detail, code, raised_at AS raisedAt,
  changed_at AS changedAt, acknowledged_at AS acknowledgedAt, acknowledged_by AS acknowledgedBy`;

/** The alerts of the store. */
export function alertRecords({ database, read, write }: Connection): AlertRecords {
  const one = database.prepare(`SELECT ${columns} FROM alerts WHERE id = ?`);
  const unresolved = database.prepare(`SELECT ${columns} FROM alerts WHERE state <> 'resolved' ORDER BY id`);
  const all = database.prepare(`SELECT ${columns} FROM alerts ORDER BY id`);
  const known = database.prepare(
    `SELECT 1 FROM alerts WHERE cause = ? AND serial = ? AND state <> 'resolved'`,
  );
  const count = database.prepare(`SELECT count(*) AS count FROM alerts WHERE state <> 'resolved'`);
  const messages = database.prepare('SELECT count(*) AS count FROM alert_messages');
  const insert = database.prepare(
    `INSERT INTO alerts (cause, state, kind, name, serial, ends_at, detail, code, raised_at, changed_at)
     VALUES (?, 'open', ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const update = database.prepare('UPDATE alerts SET state = ?, detail = ?, changed_at = ? WHERE id = ?');
  const acknowledge = database.prepare(
    'UPDATE alerts SET acknowledged_at = ?, acknowledged_by = ? WHERE id = ? AND acknowledged_at IS NULL',
  );
  const forget = database.prepare(`DELETE FROM alerts WHERE state = 'resolved' AND changed_at < ?`);
  const put = database.prepare('INSERT INTO alert_messages (id, body) VALUES (?, ?)');
  const next = database.prepare('SELECT sequence, id, body FROM alert_messages ORDER BY sequence LIMIT 1');
  const remove = database.prepare('DELETE FROM alert_messages WHERE sequence = ?');
  const find = (id: number | bigint): AlertRecord | null =>
    (one.get(id) as unknown as AlertRecord | undefined) ?? null;
  const found = (id: number | bigint): AlertRecord => {
    const alert = find(id);
    if (alert) return alert;
    throw new Fault('not_found', `There is no alert ${id}. See: countersign alert list`);
  };
  const noted = (id: number | bigint, message: MessageOf): AlertRecord => {
    const alert = found(id);
    if (message) put.run(randomId(), JSON.stringify(message(alert)));
    return alert;
  };
  return {
    hasRoom: (withMessage) =>
      read(() => {
        const waiting = withMessage ? Number(messages.get()?.['count']) : 0;
        return waiting < alertRoom && Number(count.get()?.['count']) < alertRoom;
      }),
    raise: (alert, at, message) =>
      write(() => {
        const { cause, kind, name, serial, endsAt, detail, code } = alert;
        if (known.get(cause, serial) !== undefined) return null;
        const { lastInsertRowid } = insert.run(cause, kind, name, serial, endsAt, detail, code, at, at);
        return noted(lastInsertRowid, message);
      }),
    change: (id, { state, detail }, at, message) =>
      write(() => {
        if (found(id).state === state) return null;
        update.run(state, detail, at, id);
        return noted(id, message);
      }),
    acknowledge: (id, by, at) =>
      write(() => {
        acknowledge.run(at, by, id);
        return found(id);
      }),
    find: (id) => read(() => find(id)),
    list: (every) => read(() => (every ? all : unresolved).all() as unknown as readonly AlertRecord[]),
    forget: async (before) => {
      await write(() => forget.run(before));
    },
    nextMessage: () =>
      read(() => {
        const row = next.get();
        if (!row) return null;
        const body = JSON.parse(String(row['body'])) as JsonObject;
        return { sequence: Number(row['sequence']), id: String(row['id']), body };
      }),
    taken: async (sequence) => {
      await write(() => remove.run(sequence));
    },
    waiting: () => read(() => Number(messages.get()?.['count'])),
  };
}
