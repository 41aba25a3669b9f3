import type { SubjectStates } from '../../enrol/acme/acme-parts.ts';
import type { Store } from '../store/store.ts';

/** Whether what an ACME account is bound to is registered: an agent that is active, or a server; and on which device it runs. */
export function subjectStates(store: Pick<Store, 'agents' | 'servers'>): SubjectStates {
  return {
    async state(kind, name) {
      if (kind === 'server') return (await store.servers.find(name)) ? 'active' : 'unknown';
      const agent = await store.agents.find(name);
      if (!agent) return 'unknown';
      return agent.state === 'active' ? 'active' : 'inactive';
    },
    async device(kind, name) {
      return kind === 'agent' ? ((await store.agents.find(name))?.device ?? null) : null;
    },
  };
}
