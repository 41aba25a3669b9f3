import { z } from 'zod';
import type { AgentRecord } from '../../identity/agent-record.ts';
import { Fault } from '../../kernel/fault.ts';
import { suggest } from '../../kernel/suggest.ts';
import type { Authority } from '../authority/authority.ts';
import { type Operation, operation } from './operation.ts';

const agent = z.string().min(1).max(512);
const person = z.string().min(1).max(512).nullable().default(null);
const reason = z.string().trim().min(1).max(500);

/** The acts on what gateways remember of agents. */
export const flowOperations: readonly Operation[] = [
  operation(
    'flow.show',
    false,
    z.strictObject({ agent: agent.nullable().default(null), person }),
    async (authority, input) => {
      const family = input.agent === null ? null : await familyOf(authority, input.agent);
      const rows = authority.flowReports
        .all()
        .filter(
          (row) =>
            (family === null || row.family === family) &&
            (input.person === null || row.person === input.person),
        );
      return rows.map((row) => ({ ...row }));
    },
  ),
  operation(
    'flow.forget',
    true,
    z.strictObject({ agent, person, reason }),
    async (authority, input, actor) => {
      const family = await familyOf(authority, input.agent);
      const order = { family, person: input.person, until: authority.clock.now() };
      // Before the order, so that none is in force that nobody finds.
      await authority.audit.append({
        type: 'flow.forgotten',
        ...order,
        actor: actor.name,
        reason: input.reason,
      });
      await authority.store.flowOrders.put(order);
      return { ...order };
    },
  ),
];

// As many as may stand above each other; see `confirmStanding`.
const mostAbove = 8;

/** The agent at the head of those that enrolled each other: what one has used, all have. A partner's agent is alone. */
async function familyOf({ store }: Authority, name: string): Promise<string> {
  if (name.startsWith('spiffe://')) return name;
  const record = await store.agents.find(name);
  if (!record) {
    const names = (await store.agents.list()).map((each) => each.name);
    const near = suggest(name, names);
    const hint = near === null ? 'See: countersign agent list' : `Did you mean ${near}?`;
    throw new Fault('not_found', `No agent named ${name}. ${hint}`);
  }
  let head: Pick<AgentRecord, 'name' | 'parent'> = record;
  for (let step = 0; head.parent !== undefined && step <= mostAbove; step += 1) {
    head = (await store.agents.find(head.parent)) ?? { name: head.parent };
  }
  return head.name;
}
