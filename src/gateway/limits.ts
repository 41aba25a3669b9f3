import { Fault } from '../kernel/fault.ts';

/** How many exchanges of one agent run at once. */
export interface AgentLimits {
  /** Takes a place for the agent until disposed. Throws Fault `limit_reached` when all are taken. */
  enter(agent: string): Disposable;
}

export function createAgentLimits(concurrent: number): AgentLimits {
  const running = new Map<string, number>();
  return {
    enter(agent) {
      const now = running.get(agent) ?? 0;
      if (now >= concurrent) {
        throw new Fault(
          'limit_reached',
          `This agent has ${now} requests open, which is its limit. Wait for one to end and try again.`,
        );
      }
      running.set(agent, now + 1);
      let left = false;
      return {
        [Symbol.dispose]() {
          if (left) return;
          left = true;
          const rest = (running.get(agent) ?? 1) - 1;
          if (rest === 0) running.delete(agent);
          else running.set(agent, rest);
        },
      };
    },
  };
}
