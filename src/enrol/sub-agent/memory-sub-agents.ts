import type { AgentRecord } from '../../identity/agent-record.ts';
import { Fault } from '../../kernel/fault.ts';
import type { SubAgentRecords } from './sub-agent-records.ts';

/** Agents in memory. For specifications. */
export function memorySubAgents(): SubAgentRecords & { readonly records: Map<string, AgentRecord> } {
  const records = new Map<string, AgentRecord>();
  return {
    records,
    find: async (name) => records.get(name) ?? null,
    async addBelow(record, most) {
      const there = [...records.values()].filter(
        ({ parent, state }) => parent === record.parent && state !== 'retired',
      );
      if (there.length >= most) return false;
      if (records.has(record.name)) throw new Fault('conflict', `${record.name} exists already.`);
      records.set(record.name, record);
      return true;
    },
    async change(name, patch) {
      const before = records.get(name);
      if (!before) throw new Fault('agent_unknown', `No agent named ${name} is registered.`);
      records.set(name, { ...before, ...patch });
      return { ...before, ...patch };
    },
  };
}
