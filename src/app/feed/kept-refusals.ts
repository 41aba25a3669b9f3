import type { AgentRecord } from '../../identity/agent-record.ts';
import type { CertificateStanding, Change } from '../store/change-feed.ts';

/** What a gateway knows of certificates and agents, by serial and by name. */
export interface Known {
  readonly certificates: Map<string, CertificateStanding>;
  readonly agents: Map<string, AgentRecord>;
}

interface Named {
  readonly name: string;
}

/**
 * What a gateway goes on refusing although a snapshot of the registry permits it again: the snapshot is older than what was
 * heard before, so an old state of the authority was put back, and the revocations since are not in it.
 */
export class KeptRefusals {
  private readonly certificates = new Map<string, CertificateStanding>();
  private readonly agents = new Map<string, AgentRecord>();
  private readonly partners = new Set<string>();

  /** Remembers who is refused now. */
  keep(known: Known): void {
    for (const [serial, standing] of known.certificates) {
      if (standing.state === 'revoked') this.certificates.set(serial, standing);
    }
    for (const [name, agent] of known.agents) {
      if (agent.state !== 'active') this.agents.set(name, agent);
    }
  }

  /** Remembers the partners that come back with a snapshot although they were gone. */
  keepAway(coming: readonly Named[], known: readonly Named[]): void {
    const names = new Set(known.map(({ name }) => name));
    for (const { name } of coming) if (!names.has(name)) this.partners.add(name);
  }

  /** Those that are not kept away. */
  without<Partner extends Named>(partners: readonly Partner[]): readonly Partner[] {
    return partners.filter(({ name }) => !this.partners.has(name));
  }

  /** Puts what is kept over a snapshot. What has ended at that time, in epoch milliseconds, is forgotten. */
  layOver({ certificates, agents }: Known, now: number): void {
    for (const [serial, standing] of this.certificates) {
      if (standing.notAfter < now) this.certificates.delete(serial);
      else certificates.set(serial, standing);
    }
    for (const [name, agent] of this.agents) agents.set(name, agent);
  }

  /** The authority has decided anew. */
  heard({ kind, key }: Change): void {
    if (kind === 'certificate') this.certificates.delete(key);
    if (kind === 'agent') this.agents.delete(key);
    if (kind === 'partner') this.partners.delete(key);
  }
}
