import type { AgentRecord } from '../../identity/agent-record.ts';
import type { IdentityView } from '../../identity/identity-view.ts';
import type { Standing } from '../../identity/standing.ts';
import type { Inbound } from '../../mcp/message.ts';
import type { Grant } from '../../oauth/resource/grant.ts';
import type { FlowMemory, FlowParty, Recalled, Use } from './flow-memory.ts';
import { type FlowRules, isWork, type Labels, labelsAt, type ServerLabels } from './flow-rules.ts';
import { nothingRecalled } from './memory-flow.ts';

/** Who acts: the agent, and for whom. */
export interface Acting {
  readonly standing: Standing;
  readonly grant: Grant | null;
}

/** What agents have used, by the labels that the operator gave to servers and tools. */
export interface FlowGuard {
  /** What is said of a server; null when nothing is said of any, and nothing is remembered then. */
  labelsAt(server: string): ServerLabels | null;
  /**
   * What the agents have used before, in whatever session, with whatever certificate, at whatever endpoint. Asked once the whole
   * body is here: what is learnt after that cannot be in it. Throws what the memory throws, which refuses the call.
   */
  recall(acting: Acting, inbound: Inbound | null): Recalled | Promise<Recalled>;
  /** Remembers a use; what was used must not be forwarded before. Throws what the memory throws. */
  remember(acting: Acting, labels: Labels, use: Use): void | Promise<void>;
}

export interface FlowGuardPorts {
  /** The rules in force now; null while nothing has a label. */
  readonly rules: () => FlowRules | null;
  readonly memory: FlowMemory;
  readonly view: Pick<IdentityView, 'agent' | 'trustDomain'>;
}

export function createFlowGuard({ rules, memory, view }: FlowGuardPorts): FlowGuard {
  const partyOf = (acting: Acting, { remember }: FlowRules): FlowParty => ({
    families: familiesOf(acting, view),
    person: remember.apart === 'person' ? (acting.grant?.person ?? null) : null,
  });
  return {
    labelsAt(server) {
      const now = rules();
      return now && labelsAt(now, server);
    },
    recall(acting, inbound) {
      const now = rules();
      if (!now) return nothingRecalled;
      const working =
        inbound?.messages.some(({ kind, method }) => kind === 'request' && isWork(method)) ?? false;
      return memory.recall(partyOf(acting, now), { ...now.remember, working });
    },
    remember(acting, labels, use) {
      const now = rules();
      if (now && labels.length > 0) return memory.remember(partyOf(acting, now), labels, use);
    },
  };
}

/** The agent's, and those of the agents in whose name its token has it act (RFC 8693 §4.1): what comes back to them they know. */
function familiesOf({ standing, grant }: Acting, view: FlowGuardPorts['view']): readonly string[] {
  const own = familyOf(standing.agent ?? { name: standing.caller.name }, view);
  if (!grant || grant.actors.length === 0) return [own];
  const ours = `spiffe://${view.trustDomain}/agent/`;
  const acting = grant.actors
    .filter((actor) => actor.startsWith('spiffe://'))
    .map((actor) => {
      const name = actor.startsWith(ours) ? actor.slice(ours.length) : actor;
      return familyOf(view.agent(name) ?? { name }, view);
    });
  return [...new Set([own, ...acting])];
}

// As many as may stand above each other; see `confirmStanding`.
const mostAbove = 8;

/** The agent at the head of those that enrolled each other. */
function familyOf(agent: Pick<AgentRecord, 'name' | 'parent'>, view: FlowGuardPorts['view']): string {
  let head = agent;
  for (let step = 0; head.parent !== undefined && step <= mostAbove; step += 1) {
    head = view.agent(head.parent) ?? { name: head.parent };
  }
  return head.name;
}
