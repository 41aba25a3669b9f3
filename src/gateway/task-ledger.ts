import type { Holder } from './handles.ts';

/**
 * Which tasks were given to which agent. A server cannot tell agents apart, so its list of tasks, or its news of one, may
 * be of others' tasks: what an agent was not given by a call of its own is not made good for it.
 */
export interface TaskLedger {
  /** `shown`: the id by which its agent has just named it. */
  note(holder: Holder, task: string, shown?: string): void;
  knows(holder: Holder, task: string): boolean;
  /** The id by which its agent named it last: an answer names it so, although another secret seals by now. */
  shown(holder: Holder, task: string): string | null;
}

/** Tasks of one agent that are remembered; the oldest goes, and then only shows up in lists as nobody's. */
const mostTasks = 10_000;
/** Agents with tasks. */
const mostAgents = 10_000;

export function createTaskLedger(): TaskLedger {
  const given = new Map<string, Map<string, string | null>>();
  const key = ({ server }: Holder, task: string): string => JSON.stringify([server, task]);
  return {
    note(holder, task, shown) {
      const tasks = given.get(holder.party) ?? new Map<string, string | null>();
      const before = tasks.get(key(holder, task)) ?? null;
      given.set(holder.party, tasks);
      // The newest is last.
      tasks.delete(key(holder, task));
      tasks.set(key(holder, task), shown ?? before);
      const [oldest] = tasks.keys();
      if (tasks.size > mostTasks && oldest !== undefined) tasks.delete(oldest);
      const [agent] = given.keys();
      if (given.size > mostAgents && agent !== undefined) given.delete(agent);
    },
    shown: (holder, task) => given.get(holder.party)?.get(key(holder, task)) ?? null,
    knows: (holder, task) => given.get(holder.party)?.has(key(holder, task)) ?? false,
  };
}
