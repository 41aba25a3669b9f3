import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '../../../kernel/clock.ts';
import { errorText } from '../../../kernel/fault.ts';
import type { ChangeRow } from '../records/changes.ts';
import type { History } from './history.ts';
import { postgresLimits as limits } from './limits.ts';
import type { Session } from './session.ts';
import { toDollars } from './to-dollars.ts';
import { wakeChannel } from './turn.ts';

/** Hears of what others change. */
export interface Follower extends AsyncDisposable {
  isCurrent(): boolean;
  /** Hears what is committed by now. Throws what reading throws. */
  catchUp(): Promise<void>;
}

const mostAtOnce = 500;

/**
 * Reads the changes as they come: woken by the server, and looking by itself every second, so that a lost wake-up makes a
 * change late and never lost.
 */
export function follow(world: {
  readonly open: () => Promise<Session>;
  readonly history: History;
  readonly clock: Clock;
  readonly log: (line: string) => void;
  /** What was committed after a number, over another connection. */
  readonly after: (sequence: number) => Promise<readonly ChangeRow[]>;
}): Follower {
  const { history, clock, log, after } = world;
  const ending = new AbortController();
  let answered = clock.monotonic();
  let isLost = false;
  const listen = async (session: Session): Promise<void> => {
    const wakes = new EventTarget();
    session.onWake(() => wakes.dispatchEvent(new Event('wake')));
    session.onEnd(() => wakes.dispatchEvent(new Event('wake')));
    await session.query(`LISTEN ${wakeChannel}`);
    while (session.isOpen && !ending.signal.aborted) {
      const ends = AbortSignal.any([ending.signal, AbortSignal.timeout(limits.poll)]);
      const woken = once(wakes, 'wake', { signal: ends }).catch(() => undefined);
      const asked = clock.monotonic();
      const rows = await session.query<ChangeRow>(toDollars(changesAfter), [history.sequence]);
      history.hear(rows);
      answered = Math.max(answered, asked);
      if (isLost) log('The database of the store answers again.');
      isLost = false;
      if (rows.length < mostAtOnce) await woken;
    }
  };
  const run = async (): Promise<void> => {
    let pause = 100;
    while (!ending.signal.aborted) {
      let session: Session | null = null;
      try {
        session = await world.open();
        pause = 100;
        await listen(session);
      } catch (error) {
        if (!isLost && !ending.signal.aborted) log(`The database of the store is lost: ${errorText(error)}`);
        isLost = true;
      } finally {
        session?.end();
      }
      await wait(pause, undefined, { signal: ending.signal, ref: false }).catch(() => undefined);
      pause = Math.min(2 * pause, limits.poll);
    }
  };
  const running = run();
  return {
    async catchUp() {
      for (;;) {
        const asked = clock.monotonic();
        const rows = await after(history.sequence);
        history.hear(rows);
        answered = Math.max(answered, asked);
        if (rows.length < mostAtOnce) return;
      }
    },
    isCurrent: () => clock.monotonic() - answered < limits.current,
    async [Symbol.asyncDispose]() {
      ending.abort();
      await running;
    },
  };
}

/** The next changes after a number. */
export const changesAfter = `SELECT sequence, kind, key, value FROM changes WHERE sequence > ? ORDER BY sequence LIMIT ${mostAtOnce}`;
