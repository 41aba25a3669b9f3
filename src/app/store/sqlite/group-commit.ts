import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { storageFault } from './storage-fault.ts';
import { transact } from './transact.ts';

/** Writes that become durable together. */
export interface GroupCommit {
  /**
   * Does the work in a write transaction, soon: with all others that were given meanwhile, in the order they were given, each
   * whole or not at all. Resolves when it is durable, after `committed`. Rejects with what the work throws, or the fault of the
   * transaction.
   */
  add<Result>(work: () => Result, committed: () => void): Promise<Result>;
  /** Does now what was given so far. */
  flush(): void;
}

interface Given {
  readonly work: () => unknown;
  readonly committed: () => void;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

type Outcome = { readonly result: unknown } | { readonly error: unknown };

/**
 * One wait for the disk for many writers: SQLite waits for it in every transaction, and everything else of the process waits
 * with it.
 */
export function groupCommit(database: DatabaseSync, file: string): GroupCommit {
  const savepoint = savepoints(database);
  let waiting: Given[] = [];
  const flush = (): void => {
    const given = waiting;
    waiting = [];
    if (given.length === 0) return;
    const outcomes: Outcome[] = [];
    try {
      transact(database, () => {
        for (const { work } of given)
          outcomes.push(given.length === 1 ? { result: work() } : savepoint(work));
      });
    } catch (error) {
      const fault = storageFault(error, file);
      for (const { reject } of given) reject(fault);
      return;
    }
    settle(given, outcomes, file);
  };
  return {
    add: (work, committed) =>
      new Promise((resolve, reject) => {
        waiting.push({ work, committed, resolve: resolve as Given['resolve'], reject });
        if (waiting.length === 1) setImmediate(flush);
      }),
    flush,
  };
}

/** Everything is told what was committed before anybody goes on. */
function settle(given: readonly Given[], outcomes: readonly Outcome[], file: string): void {
  for (const [at, outcome] of outcomes.entries()) if ('result' in outcome) given[at]?.committed();
  for (const [at, outcome] of outcomes.entries()) {
    if ('error' in outcome) given[at]?.reject(storageFault(outcome.error, file));
    else given[at]?.resolve(outcome.result);
  }
}

/** Does a work within the transaction so that its failure takes back what it did, and nothing else. */
function savepoints(database: DatabaseSync): (work: () => unknown) => Outcome {
  const [begin, release, back]: StatementSync[] = ['SAVEPOINT work', 'RELEASE work', 'ROLLBACK TO work'].map(
    (sql) => database.prepare(sql),
  );
  return (work) => {
    begin?.run();
    try {
      const result = work();
      release?.run();
      return { result };
    } catch (error) {
      // SQLite ended the whole transaction, as on a full disk: none of the group is durable.
      if (!database.isTransaction) throw error;
      back?.run();
      release?.run();
      return { error };
    }
  };
}
