import type { OwnedAgents } from '../../enrol/person/login-records.ts';
import type { SubAgentRecords } from '../../enrol/sub-agent/sub-agent-records.ts';
import type { AgentRecord } from '../../identity/agent-record.ts';

/** What may change about an agent once it is registered. `roles` are those given by hand; those of rules stay beside them. */
export type AgentPatch = Partial<
  Pick<AgentRecord, 'state' | 'owner' | 'purpose' | 'roles' | 'buildDigest' | 'device'>
>;

/** The registered agents. Every promise resolves when the change is durable. */
export interface AgentRecords extends OwnedAgents, Pick<SubAgentRecords, 'addBelow'> {
  /** Fault `conflict` when the name is taken, in whatever state its agent is. */
  add(record: AgentRecord): Promise<void>;
  /** All that an agent enrolled, and all that those did, in name order. */
  listBelow(name: string): Promise<readonly AgentRecord[]>;
  /** All agents in name order. */
  list(): Promise<readonly AgentRecord[]>;
  /**
   * Returns the record after the change. Fault `agent_unknown`, or `conflict` when a retired agent would become
   * active or suspended again: its name was given up.
   */
  change(name: string, patch: AgentPatch): Promise<AgentRecord>;
  /** Notes that the agent was heard at a time (epoch ms); never moves backwards. An unknown name is ignored. */
  seen(name: string, at: number): Promise<void>;
}
