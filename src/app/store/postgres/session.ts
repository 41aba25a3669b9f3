import type { ConnectionOptions } from 'node:tls';
import { checkServerIdentity } from 'node:tls';
import pg from 'pg';
import { errorText, Fault } from '../../../kernel/fault.ts';
import type { Outcome, Statement, Work } from '../work.ts';
import { postgresLimits as limits } from './limits.ts';
import { type PostgresHost, type PostgresPlace, placeName } from './place.ts';
import { isLoss, storageFault } from './storage-fault.ts';
import type { NamedStatement } from './statement-names.ts';
import { readerOf } from './values.ts';

/** One connection to a server that takes writes, with everything set that its use rests on. */
export interface Session {
  /** Whether it can still be used. */
  readonly isOpen: boolean;
  perform<Result>(work: Work<Result>): Promise<Result>;
  /** One statement with values, or several without. */
  query<Row>(sql: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  /** Calls the listener whenever the server wakes us on a channel that we listen at. */
  onWake(listener: () => void): void;
  onEnd(listener: () => void): void;
  /** Ends it without waiting for anything. */
  end(): void;
}

type Named = (sql: string) => NamedStatement;

/** What a session is for decides how long its statements may take. */
export type Purpose = 'read' | 'write';

/**
 * Connects to the first server of the place that takes writes. Throws Fault `unavailable` when there is none, or what reading
 * the password throws.
 */
export async function openSession(place: PostgresPlace, purpose: Purpose, named: Named): Promise<Session> {
  let last: unknown = null;
  for (const host of place.hosts) {
    try {
      return await openAt(host, place, { purpose, named });
    } catch (error) {
      last = error;
    }
  }
  const name = placeName(place);
  const fault = storageFault(last, name);
  if (fault instanceof Fault) throw fault;
  // Such as a certificate that is not the server's.
  throw new Fault('unavailable', `${name} cannot be reached: ${errorText(last)}.`, { cause: last });
}

async function openAt(
  host: PostgresHost,
  place: PostgresPlace,
  { purpose, named }: { readonly purpose: Purpose; readonly named: Named },
): Promise<Session> {
  const client = new pg.Client({
    ...host,
    database: place.database,
    user: place.user,
    // Never from PGPASSWORD or ~/.pgpass, which nobody named.
    password: place.password ?? (() => ''),
    ssl: place.tls === null ? false : await tlsOf(host.host, place.tls),
    application_name: 'countersign',
    connectionTimeoutMillis: limits.connect,
    query_timeout: 2 * limits[purpose],
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
    types: { getTypeParser: readerOf },
  });
  let isOpen = true;
  const ended: (() => void)[] = [];
  const close = (): void => {
    if (!isOpen) return;
    isOpen = false;
    void client.end().catch(() => undefined);
    for (const listener of ended) listener();
  };
  client.on('error', close);
  client.on('end', close);
  const session: Session = {
    get isOpen() {
      return isOpen;
    },
    perform: (work) =>
      perform(work, async ({ sql, values }) => {
        const query = { ...named(sql), values: [...values] };
        const { rows, rowCount } = await asking(close, () => client.query<object>(query));
        return { rows, changes: rowCount ?? 0 };
      }),
    async query<Row>(sql: string, values: readonly unknown[] = []) {
      const answer: unknown = await asking(close, () =>
        values.length === 0 ? client.query(sql) : client.query(sql, [...values]),
      );
      // Of several statements, the rows of the last.
      const result = (Array.isArray(answer) ? answer.at(-1) : answer) as { readonly rows: Row[] };
      return result.rows;
    },
    onWake: (listener) => void client.on('notification', listener),
    onEnd: (listener) => void ended.push(listener),
    end: close,
  };
  try {
    await client.connect();
    await session.query(settings(purpose));
    await checkServer(session);
    return session;
  } catch (error) {
    session.end();
    throw error;
  }
}

/** A certificate for another host is refused, whatever name the connection was made with. */
async function tlsOf(host: string, tls: NonNullable<PostgresPlace['tls']>): Promise<ConnectionOptions> {
  const { authorities, certificate, key } = await tls();
  return {
    minVersion: 'TLSv1.2',
    rejectUnauthorized: true,
    checkServerIdentity: (_, shown) => checkServerIdentity(host, shown),
    ...(authorities !== null && { ca: authorities }),
    ...(certificate !== null && { cert: certificate }),
    ...(key !== null && { key }),
  };
}

/**
 * What the server is told once. A server that is set to report commits before they are durable is told better, and one whose
 * authority falls silent ends its write by itself.
 */
function settings(purpose: Purpose): string {
  return `SELECT set_config('synchronous_commit',
      CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false);
    SET default_transaction_isolation = 'read committed';
    SET default_transaction_deferrable = off;
    SET statement_timeout = ${limits[purpose]};
    SET lock_timeout = ${limits.turn};
    SET idle_in_transaction_session_timeout = ${limits.silence};
    SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3;
    SET client_min_messages = warning; SET bytea_output = 'hex'; SET standard_conforming_strings = on`;
}

/** A standby takes no writes; after a failover the old primary may still answer. */
async function checkServer(session: Session): Promise<void> {
  const [server] = await session.query<{
    standby: boolean;
    readonly: string;
    encoding: string;
    version: string;
  }>(
    `SELECT pg_is_in_recovery() AS standby, current_setting('transaction_read_only') AS readonly,
       current_setting('server_encoding') AS encoding, current_setting('server_version_num') AS version`,
  );
  if (!server) throw new Fault('unavailable', 'The database did not say what it is.');
  if (server.standby || server.readonly === 'on')
    throw new Fault('unavailable', 'The database takes no writes: it is a standby, or read only.');
  if (server.encoding !== 'UTF8' || Number(server.version) < 130_000)
    throw new Fault('unavailable', 'The database must be PostgreSQL 13 or later with the encoding UTF8.');
}

async function perform<Result>(
  work: Work<Result>,
  execute: (statement: Statement) => Promise<Outcome>,
): Promise<Result> {
  let step = work.next();
  while (!step.done) step = await proceed(work, step.value, execute);
  return step.value;
}

async function proceed<Result>(
  work: Work<Result>,
  statement: Statement,
  execute: (statement: Statement) => Promise<Outcome>,
): Promise<IteratorResult<Statement, Result>> {
  let outcome: Outcome;
  try {
    outcome = await execute(statement);
  } catch (error) {
    return work.throw(error);
  }
  return work.next(outcome);
}

/** What is lost is told to whoever would use it next. */
async function asking<Result>(close: () => void, ask: () => Promise<Result>): Promise<Result> {
  try {
    return await ask();
  } catch (error) {
    if (isLoss(error)) close();
    throw error;
  }
}
