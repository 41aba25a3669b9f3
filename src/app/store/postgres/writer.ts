import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '../../../kernel/clock.ts';
import { Fault } from '../../../kernel/fault.ts';
import type { NewChange, Note } from '../connection.ts';
import { refuseNewer } from '../migrations/steps.ts';
import type { ChangeRow } from '../records/changes.ts';
import type { Work } from '../work.ts';
import type { History } from './history.ts';
import { mostTogether, postgresLimits as limits } from './limits.ts';
import type { Session } from './session.ts';
import { storageFault } from './storage-fault.ts';
import { takeTurn, wakeChannel } from './turn.ts';

/** Writes of one process, one transaction after the other. */
export interface Writer extends AsyncDisposable {
  /** Whole or not at all. Resolves once it is durable and this process was told of its changes. */
  write<Result>(work: (note: Note) => Work<Result>): Promise<Result>;
}

interface World {
  readonly open: () => Promise<Session>;
  readonly history: History;
  readonly clock: Clock;
  /** What the database is called. */
  readonly name: string;
}

interface Given {
  readonly work: (note: Note) => Work<unknown>;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

type Outcome = { readonly result: unknown } | { readonly error: unknown };

/** What has come before a transaction and is not told yet, and what it adds itself. */
interface Written {
  readonly outcomes: readonly Outcome[];
  readonly changes: readonly ChangeRow[];
}

/**
 * Writes that come while another transaction is under way become durable together in the next one: one turn, one wait for the
 * disk. Each is whole or not at all, in the order they were given.
 */
export function createWriter(world: World): Writer {
  const turns = new Turns(world);
  let waiting: Given[] = [];
  let working: Promise<void> | null = null;
  let closed = false;
  const work = async (): Promise<void> => {
    while (waiting.length > 0) {
      const given = waiting.splice(0, mostTogether);
      try {
        const { outcomes, changes } = await turns.write(given.map((each) => each.work));
        // Everything is told what was committed before anybody goes on.
        world.history.hear(changes);
        settle(given, outcomes, world.name);
      } catch (error) {
        const fault = storageFault(error, world.name);
        for (const { reject } of given) reject(fault);
      }
    }
    working = null;
  };
  return {
    write: (each) =>
      new Promise((resolve, reject) => {
        if (closed) throw new Fault('unavailable', 'The store is closed.');
        waiting.push({ work: each, resolve: resolve as Given['resolve'], reject });
        working ??= Promise.resolve().then(work);
      }),
    async [Symbol.asyncDispose]() {
      closed = true;
      await working;
      turns.end();
    },
  };
}

function settle(given: readonly Given[], outcomes: readonly Outcome[], name: string): void {
  for (const [at, outcome] of outcomes.entries()) {
    if ('error' in outcome) given[at]?.reject(storageFault(outcome.error, name));
    else given[at]?.resolve(outcome.result);
  }
}

class Turns {
  readonly #world: World;
  #session: Session | null = null;
  #isDown = false;
  #number = 0;

  constructor(world: World) {
    this.#world = world;
    this.#number = world.history.written;
  }

  end(): void {
    this.#session?.end();
  }

  /** Does the works in one transaction. Throws when none of them is durable, or when nobody can say. */
  async write(works: readonly Given['work'][]): Promise<Written> {
    const { session, missed } = await this.#begun();
    const number = ++this.#number;
    try {
      const { outcomes, notes } = await doAll(session, works);
      if (outcomes.every((outcome) => 'error' in outcome)) {
        await session.query('ROLLBACK');
        return { outcomes, changes: [] };
      }
      const changes = [...missed, ...(await this.#finish(session, notes, number))];
      await this.#commit(session, number);
      this.#world.history.wrote(number);
      return { outcomes, changes };
    } catch (error) {
      // The server takes back what was not committed when the connection is gone.
      session.end();
      throw error;
    }
  }

  /** A transaction whose turn it is, with what others have changed since this process was told last. */
  async #begun(): Promise<{ session: Session; missed: readonly ChangeRow[] }> {
    for (const [pause, isLast] of this.#isDown ? [[0, true] as const] : pauses) {
      if (pause > 0) await wait(pause);
      try {
        const session = await this.#live();
        const [found] = await session.query<{ version: number; last: number }>(
          `BEGIN; ${takeTurn}; SELECT (SELECT version FROM schema_version) AS version, last FROM change_number`,
        );
        refuseNewer(found?.version ?? 0);
        const missed = await changesAfter(session, this.#world.history.sequence, found?.last ?? 0);
        this.#isDown = false;
        return { session, missed };
      } catch (error) {
        this.#session?.end();
        const fault = storageFault(error, this.#world.name);
        if (!isLast && fault instanceof Fault && fault.code === 'unavailable') continue;
        this.#isDown = fault instanceof Fault && fault.code === 'unavailable';
        throw fault;
      }
    }
    throw new Fault('internal', 'No attempt was made to write.');
  }

  async #live(): Promise<Session> {
    this.#world.history.refuseLost();
    if (!this.#session?.isOpen) this.#session = await this.#world.open();
    return this.#session;
  }

  /** Numbers the changes, notes who wrote, and wakes everybody; they hear of it when it is committed. */
  async #finish(
    session: Session,
    notes: readonly NewChange[],
    number: number,
  ): Promise<readonly ChangeRow[]> {
    const { clock, history } = this.#world;
    const rows = notes.map(({ kind, key, value }) => ({
      kind,
      key,
      value: value === null ? null : JSON.stringify(value),
    }));
    const [counted] = await session.query<{ last: number }>(finish, [
      rows.length,
      clock.now(),
      rows.map(({ kind }) => kind),
      rows.map(({ key }) => key),
      rows.map(({ value }) => value),
      history.writer,
      number,
    ]);
    const first = (counted?.last ?? 0) - rows.length + 1;
    return rows.map((row, at) => ({ sequence: first + at, ...row }));
  }

  async #commit(session: Session, number: number): Promise<void> {
    try {
      await session.query('COMMIT');
    } catch (cause) {
      session.end();
      if (await this.#isCommitted(number)) return;
      throw new Fault(
        'unavailable',
        `${this.#world.name} was lost while it wrote. Nothing was changed. Try again.`,
        { cause },
      );
    }
  }

  /** Asks after a write whose answer was lost, once nobody can be in the midst of it. Throws when nobody can be asked. */
  async #isCommitted(number: number): Promise<boolean> {
    for (const [pause] of pauses) {
      if (pause > 0) await wait(pause);
      try {
        const session = await this.#live();
        const [found] = await session.query<{ number: number }>(
          `BEGIN; ${takeTurn}; SELECT number FROM writers WHERE id = '${this.#world.history.writer}'`,
        );
        await session.query('ROLLBACK');
        return (found?.number ?? 0) >= number;
      } catch {
        this.#session?.end();
      }
    }
    this.#isDown = true;
    throw new Fault(
      'unavailable',
      `${this.#world.name} was lost while it wrote, and does not answer: whether the change was made is not known. ` +
        'Look once it is back, before you do it again.',
    );
  }
}

const pauses = [0, 100, 300, 600, 1_000, 1_000, limits.patience - 3_000].map(
  (pause, at, all) => [pause, at === all.length - 1] as const,
);

async function changesAfter(session: Session, heard: number, last: number): Promise<readonly ChangeRow[]> {
  if (last <= heard) return [];
  return await session.query<ChangeRow>(
    'SELECT sequence, kind, key, value FROM changes WHERE sequence > $1 ORDER BY sequence',
    [heard],
  );
}

async function doAll(
  session: Session,
  works: readonly Given['work'][],
): Promise<{ readonly outcomes: readonly Outcome[]; readonly notes: readonly NewChange[] }> {
  const outcomes: Outcome[] = [];
  const notes: NewChange[] = [];
  // What comes before the next one goes with its beginning, to save a way to the server and back.
  let before = '';
  for (const work of works) {
    const own: NewChange[] = [];
    if (works.length > 1) await session.query(`${before}SAVEPOINT work`);
    try {
      const result = await session.perform(work((change) => void own.push(change)));
      outcomes.push({ result });
      notes.push(...own);
    } catch (error) {
      // The whole transaction is gone with the connection: none of the group is durable.
      if (!session.isOpen) throw error;
      if (works.length > 1) await session.query('ROLLBACK TO SAVEPOINT work');
      outcomes.push({ error });
    }
    before = 'RELEASE SAVEPOINT work; ';
  }
  return { outcomes, notes };
}

const finish = `WITH counted AS (UPDATE change_number SET last = last + $1::bigint RETURNING last),
  noted AS (
    INSERT INTO changes (sequence, at, kind, key, value)
    SELECT counted.last - $1::bigint + note.place, $2::bigint, note.kind, note.key, note.value
    FROM counted, unnest($3::text[], $4::text[], $5::text[]) WITH ORDINALITY AS note (kind, key, value, place)),
  marked AS (
    INSERT INTO writers (id, number, at) VALUES ($6, $7, $2::bigint)
    ON CONFLICT (id) DO UPDATE SET number = excluded.number, at = excluded.at)
  SELECT last, CASE WHEN $1::bigint > 0 THEN pg_notify('${wakeChannel}', '') END AS woken FROM counted`;
