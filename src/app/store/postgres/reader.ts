import { Fault } from '../../../kernel/fault.ts';
import type { Work } from '../work.ts';
import type { History } from './history.ts';
import { readers } from './limits.ts';
import type { Session } from './session.ts';
import { storageFault } from './storage-fault.ts';

/** Reads over a few connections that are kept. */
export interface Reader extends Disposable {
  read<Result>(work: () => Work<Result>): Promise<Result>;
  /** All statements as of one moment. */
  readAtOnce<Result>(work: () => Work<Result>): Promise<Result>;
}

export function createReader(world: {
  readonly open: () => Promise<Session>;
  readonly history: History;
  readonly name: string;
}): Reader {
  const idle: Session[] = [];
  const waiting: (() => void)[] = [];
  let used = 0;
  let closed = false;
  const isFull = (): boolean => used >= readers;
  const take = async (): Promise<Session> => {
    while (isFull()) await new Promise<void>((resolve) => void waiting.push(resolve));
    used += 1;
    if (closed) throw new Fault('unavailable', 'The store is closed.');
    for (let session = idle.pop(); session; session = idle.pop()) if (session.isOpen) return session;
    return await world.open();
  };
  const give = (session: Session | null): void => {
    used -= 1;
    if (session?.isOpen && !closed) idle.push(session);
    else session?.end();
    waiting.shift()?.();
  };
  const once = async <Result>(use: (session: Session) => Promise<Result>): Promise<Result> => {
    let session: Session | null = null;
    try {
      session = await take();
      return await use(session);
    } finally {
      give(session);
    }
  };
  /** A connection that was lost while nobody used it is found out by the next; what only reads may be asked twice. */
  const twice = async <Result>(use: (session: Session) => Promise<Result>): Promise<Result> => {
    world.history.refuseLost();
    let wasLost = false;
    try {
      return await once(async (session) => {
        try {
          return await use(session);
        } finally {
          wasLost = !session.isOpen;
        }
      });
    } catch (error) {
      if (!wasLost) throw storageFault(error, world.name);
    }
    try {
      return await once(use);
    } catch (error) {
      throw storageFault(error, world.name);
    }
  };
  return {
    read: (work) => twice((session) => session.perform(work())),
    readAtOnce: (work) =>
      twice(async (session) => {
        await session.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
        try {
          return await session.perform(work());
        } finally {
          if (session.isOpen) await session.query('COMMIT');
        }
      }),
    [Symbol.dispose]() {
      closed = true;
      for (const session of idle) session.end();
      for (const wake of waiting) wake();
    },
  };
}
