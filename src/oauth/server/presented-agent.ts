import type { AgentRecord } from '../../identity/agent-record.ts';
import type { Caller } from '../../identity/caller.ts';

/** The agent behind a connection: its certificate was held to its profile, to the record of its issuance and to its standing. */
export interface PresentedAgent {
  readonly caller: Caller;
  readonly agent: AgentRecord;
}

/** Port: the agents of the registry. */
export interface AgentRegistry {
  /**
   * Who holds a client certificate: one that this authority issued, octet by octet, that is not revoked, of an agent that is
   * active. Throws Fault `certificate_…`, `trust_domain_mismatch`, `agent_unknown` or `agent_inactive`.
   */
  admit(certificate: Uint8Array): Promise<PresentedAgent>;
  /** Whether a client certificate is that of a gateway, likewise. */
  isGateway(certificate: Uint8Array): Promise<boolean>;
  /** The active agent of a SPIFFE ID of this trust domain, or null. */
  find(spiffeId: string): Promise<AgentRecord | null>;
}
