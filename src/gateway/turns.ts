import type { Clock } from '../kernel/clock.ts';

/**
 * Shares the process between agents: while others are at work, one agent starts only so many requests each time the
 * event loop comes round, however many it has sent. Who is alone does not wait. What waits holds a place of its
 * agent's limit, so that the queue is as long as that limit at most.
 */
export interface Turns {
  /** Nothing when the agent may start now, or its turn to wait for. */
  take(agent: string): Promise<void> | null;
}

export interface TurnOptions {
  readonly clock: Clock;
  /** Calls back when the event loop comes round. */
  readonly nextRound: (begin: () => void) => void;
}

/** Requests that one agent starts each time round while others are at work. */
const startsPerRound = 2;
/** For how long an agent counts as at work after it began a request, in milliseconds. */
const atWorkMilliseconds = 100;

export function createTurns({ clock, nextRound }: TurnOptions): Turns {
  /** The agent that asked last, and the last one that was another. */
  let last = { agent: '', at: Number.NEGATIVE_INFINITY };
  let other = last;
  /** Starts of each agent this time round. */
  const started = new Map<string, number>();
  const waiting = new Map<string, (() => void)[]>();
  let roundComes = false;

  const beginRound = (): void => {
    roundComes = false;
    started.clear();
    for (const [agent, queue] of waiting) {
      for (const start of queue.splice(0, startsPerRound)) {
        count(agent);
        start();
      }
      if (queue.length === 0) waiting.delete(agent);
    }
  };
  const awaitRound = (): void => {
    if (roundComes) return;
    roundComes = true;
    nextRound(beginRound);
  };
  const count = (agent: string): void => {
    started.set(agent, (started.get(agent) ?? 0) + 1);
    awaitRound();
  };

  return {
    take(agent) {
      const now = clock.monotonic();
      if (last.agent === agent) last.at = now;
      else [other, last] = [last, { agent, at: now }];
      const queue = waiting.get(agent);
      if (!queue) {
        if (now - other.at > atWorkMilliseconds) return null;
        if ((started.get(agent) ?? 0) < startsPerRound) {
          count(agent);
          return null;
        }
      }
      // Whoever waits already goes first.
      return new Promise((resolve) => {
        if (queue) queue.push(resolve);
        else waiting.set(agent, [resolve]);
        awaitRound();
      });
    },
  };
}
