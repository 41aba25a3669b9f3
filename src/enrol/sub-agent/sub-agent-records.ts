import type { AgentRecord } from '../../identity/agent-record.ts';

/** Port: agents as the door of sub-agents sees them. Every promise resolves when the change is durable. */
export interface SubAgentRecords {
  find(name: string): Promise<AgentRecord | null>;
  /**
   * Registers an agent below its parent, unless as many as `most` that are not retired are there already: then false, decided in the
   * same transaction. Fault `conflict` when the name is taken.
   */
  addBelow(record: AgentRecord & { readonly parent: string }, most: number): Promise<boolean>;
  /** Returns the record after the change. Fault `agent_unknown`. */
  change(name: string, patch: Pick<AgentRecord, 'roles'>): Promise<AgentRecord>;
}
