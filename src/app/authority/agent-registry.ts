import type { AgentRegistry } from '../../oauth/server/presented-agent.ts';
import type { AgentRecord } from '../../identity/agent-record.ts';
import { Fault, toFault } from '../../kernel/fault.ts';
import { leafUri } from '../../x509/leaf-profile.ts';
import { holderOf } from '../listeners/holder.ts';
import type { Authority } from './authority.ts';

/** The agents as the authorization server asks for them: by certificate, and by SPIFFE ID. */
export function agentRegistry(authority: Pick<Authority, 'issuer' | 'clock' | 'store'>): AgentRegistry {
  const { store } = authority;
  return {
    async admit(certificate) {
      const { caller } = await holderOf(certificate, authority, { kinds: ['agent', 'ephemeral'] });
      const agent = await store.agents.find(caller.name);
      if (!agent) throw new Fault('agent_unknown', `No agent named ${caller.name} is registered.`);
      if (agent.state !== 'active') {
        throw new Fault(
          'agent_inactive',
          `The agent ${caller.name} is ${agent.state}. Its owner can say why.`,
        );
      }
      return { caller, agent };
    },
    async isGateway(certificate) {
      try {
        await holderOf(certificate, authority, { kinds: ['gateway'] });
        return true;
      } catch (error) {
        const { code } = toFault(error);
        if (code === 'internal' || code === 'unavailable') throw error;
        return false;
      }
    },
    async find(spiffeId): Promise<AgentRecord | null> {
      const prefix = leafUri(authority.issuer.trustDomain, 'agent', '');
      const agent = spiffeId.startsWith(prefix)
        ? await store.agents.find(spiffeId.slice(prefix.length))
        : null;
      return agent?.state === 'active' ? agent : null;
    },
  };
}
