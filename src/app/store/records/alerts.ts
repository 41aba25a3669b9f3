import type { JsonObject } from '../../../kernel/canonical-json.ts';
import { Fault } from '../../../kernel/fault.ts';
import { randomId } from '../../../kernel/random.ts';
import {
  type AlertMessage,
  type AlertRecord,
  type AlertRecords,
  alertRoom,
  type MessageOf,
} from '../alert-records.ts';
import type { Connection } from '../connection.ts';
import { all, count, exists, one, run, type Work } from '../work.ts';

const columns = `id, cause, state, kind, name, serial, ends_at AS "endsAt", detail, code, raised_at AS "raisedAt",
  changed_at AS "changedAt", acknowledged_at AS "acknowledgedAt", acknowledged_by AS "acknowledgedBy"`;
const selectAll = `SELECT ${columns} FROM alerts ORDER BY id`;
const selectUnresolved = `SELECT ${columns} FROM alerts WHERE state <> 'resolved' ORDER BY id`;
const isUnresolved = `SELECT 1 FROM alerts WHERE cause = ? AND serial = ? AND state <> 'resolved'`;
const insert = `INSERT INTO alerts (cause, state, kind, name, serial, ends_at, detail, code, raised_at, changed_at)
  VALUES (?, 'open', ?, ?, ?, ?, ?, ?, ?, ?) RETURNING ${columns}`;
const update = `UPDATE alerts SET state = ?, detail = ?, changed_at = ? WHERE id = ? RETURNING ${columns}`;
const acknowledge =
  'UPDATE alerts SET acknowledged_at = ?, acknowledged_by = ? WHERE id = ? AND acknowledged_at IS NULL';
const countMessages = 'SELECT count(*) AS count FROM alert_messages';

/** The alerts of the store. */
export function alertRecords({ read, write }: Connection): AlertRecords {
  return {
    hasRoom: (withMessage) =>
      read(function* () {
        if (withMessage && (yield* count(countMessages)) >= alertRoom) return false;
        return (yield* count(`SELECT count(*) AS count FROM alerts WHERE state <> 'resolved'`)) < alertRoom;
      }),
    raise: (alert, at, message) =>
      write(function* () {
        const { cause, kind, name, serial, endsAt, detail, code } = alert;
        if (yield* exists(isUnresolved, cause, serial)) return null;
        const raised = yield* one(toAlert, insert, cause, kind, name, serial, endsAt, detail, code, at, at);
        return yield* noted(raised, message);
      }),
    change: (id, { state, detail }, at, message) =>
      write(function* () {
        if ((yield* found(id)).state === state) return null;
        return yield* noted(yield* one(toAlert, update, state, detail, at, id), message);
      }),
    acknowledge: (id, by, at) =>
      write(function* () {
        yield* run(acknowledge, at, by, id);
        return yield* found(id);
      }),
    find: (id) => read(() => find(id)),
    list: (every) => read(() => all(toAlert, every ? selectAll : selectUnresolved)),
    forget: (before) =>
      write(function* () {
        yield* run(`DELETE FROM alerts WHERE state = 'resolved' AND changed_at < ?`, before);
      }),
    nextMessage: () =>
      read(() => one(toMessage, 'SELECT sequence, id, body FROM alert_messages ORDER BY sequence LIMIT 1')),
    taken: (sequence) =>
      write(function* () {
        yield* run('DELETE FROM alert_messages WHERE sequence = ?', sequence);
      }),
    waiting: () => read(() => count(countMessages)),
  };
}

function find(id: number): Work<AlertRecord | null> {
  return one(toAlert, `SELECT ${columns} FROM alerts WHERE id = ?`, id);
}

function* found(id: number): Work<AlertRecord> {
  const alert = yield* find(id);
  if (alert) return alert;
  throw new Fault('not_found', `There is no alert ${id}. See: countersign alert list`);
}

function* noted(alert: AlertRecord | null, message: MessageOf): Work<AlertRecord | null> {
  if (alert && message) {
    const body = JSON.stringify(message(alert));
    yield* run('INSERT INTO alert_messages (id, body) VALUES (?, ?)', randomId(), body);
  }
  return alert;
}

function toAlert(row: AlertRecord): AlertRecord {
  return { ...row };
}

function toMessage(row: { sequence: number; id: string; body: string }): AlertMessage {
  return { sequence: row.sequence, id: row.id, body: JSON.parse(row.body) as JsonObject };
}
