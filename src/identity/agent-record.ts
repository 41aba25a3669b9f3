/** What the registry knows of an agent. Rights and state live here, never in the certificate. */
export interface AgentRecord {
  readonly name: string;
  /** The person or team that answers for the agent. */
  readonly owner: string;
  readonly purpose: string;
  readonly roles: readonly string[];
  /** Digest of the build the owner says the agent runs, or null when none was given. */
  readonly buildDigest: string | null;
  /** What a register of devices knows the machine of the agent by, or null when none was given. */
  readonly device: string | null;
  /** There for one that another agent enrolled, which has to stand for this one to. */
  readonly parent?: string;
  readonly state: 'active' | 'suspended' | 'retired';
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** Epoch milliseconds of the last admitted request, or null when there was none. */
  readonly lastSeen: number | null;
}
