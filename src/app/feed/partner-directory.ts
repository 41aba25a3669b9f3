import type { AgentRecord } from '../../identity/agent-record.ts';
import type { PartnerRecord } from '../../identity/partner-record.ts';
import { rolesOf } from '../../identity/partner-roles.ts';

/** The partners that a gateway knows, and what their callers are here. */
export interface PartnerDirectory {
  /** Newest wins; null for one that is a partner no longer. */
  put(name: string, record: PartnerRecord | null): void;
  clear(): void;
  all(): readonly PartnerRecord[];
  of(trustDomain: string): PartnerRecord | null;
  /** The same object until the partner changes; null for whom no mapping fits. */
  agent(spiffeId: string): AgentRecord | null;
  /** Callers who were something here and are nothing any more, since this was last asked. */
  takeLost(): readonly string[];
}

/** The most callers of one partner whose records are kept ready. */
const mostKept = 10_000;

interface Held {
  readonly record: PartnerRecord;
  readonly agents: Map<string, AgentRecord>;
}

export function createPartnerDirectory(): PartnerDirectory {
  const held = new Map<string, Held>();
  const domains = new Map<string, Held>();
  let known = new Set<string>();
  const drop = (name: string): void => {
    const before = held.get(name);
    if (!before) return;
    held.delete(name);
    domains.delete(before.record.trustDomain);
    for (const id of before.agents.keys()) known.add(id);
  };
  const agent = (spiffeId: string): AgentRecord | null => {
    const [, trustDomain = '', path = ''] = /^spiffe:\/\/([^/]+)(\/.*)$/.exec(spiffeId) ?? [];
    const partner = domains.get(trustDomain);
    if (!partner) return null;
    const kept = partner.agents.get(spiffeId);
    if (kept) return kept;
    const roles = rolesOf(path, partner.record.mappings);
    if (!roles) return null;
    const made = agentOf(spiffeId, roles, partner.record);
    if (partner.agents.size >= mostKept) partner.agents.clear();
    partner.agents.set(spiffeId, made);
    return made;
  };
  return {
    put(name, record) {
      drop(name);
      if (!record) return;
      const now = { record, agents: new Map<string, AgentRecord>() };
      held.set(name, now);
      domains.set(record.trustDomain, now);
    },
    clear() {
      for (const name of held.keys()) drop(name);
    },
    all: () => [...held.values()].map(({ record }) => record),
    of: (trustDomain) => domains.get(trustDomain)?.record ?? null,
    agent,
    takeLost() {
      const lost = [...known].filter((id) => agent(id) === null);
      known = new Set();
      return lost;
    },
  };
}

function agentOf(spiffeId: string, roles: readonly string[], partner: PartnerRecord): AgentRecord {
  return Object.freeze({
    name: spiffeId,
    owner: `partner/${partner.name}`,
    purpose: `an agent of the partner ${partner.name}`,
    roles,
    buildDigest: null,
    device: null,
    state: 'active',
    createdAt: partner.addedAt,
    lastSeen: null,
  });
}
