import type { AuditLog } from '../../audit/log.ts';
import type { AgentStates, CertificateAuthority } from '../../ca/certificate-authority.ts';
import type { CertificateRecord } from '../../ca/certificate-records.ts';
import { certify } from '../../ca/certify.ts';
import { readPemRequest } from '../../ca/request.ts';
import type { AgentRecord } from '../../identity/agent-record.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Fault, toFault } from '../../kernel/fault.ts';
import { leafProfiles } from '../../x509/leaf-profile.ts';
import { type Delivery, deliver } from '../delivery.ts';
import type { SubAgentRecords } from './sub-agent-records.ts';

/** An agent asks for a certificate for another one that works for it. */
export interface SubAgentOrder {
  /** The certificate of the one who asks, which authenticated the connection and is in force. */
  readonly holder: Pick<CertificateRecord, 'serial' | 'name' | 'notAfter'>;
  /** What comes behind the name of the one who asks. */
  readonly name: string;
  readonly purpose: string;
  /** Some of the roles of the one who asks. */
  readonly roles: readonly string[];
  /** In PEM. */
  readonly csr: string;
  readonly address: string;
}

/** What the door works on. */
export interface SubAgentDoor {
  readonly agents: SubAgentRecords;
  readonly audit: Pick<AuditLog, 'append'>;
  readonly clock: Clock;
  /** How many agents one may have below itself; none closes the door. */
  readonly most: number;
}

/** How many generations there may be below an agent that an administrator or a person enrolled. */
const mostGenerations = 3;
/** A certificate that ends sooner is not worth having, and no profile allows it. */
const shortestLife = 60_000;
const between = '--';
const ownPart = /^[a-z0-9]+([_-][a-z0-9]+)*$/;

/**
 * Gives an agent below the one who asks an ephemeral certificate, and registers it first where it is new: for the same owner and
 * device, in roles that its parent has. The certificate never outlives the one that asked for it, and is not renewed: its
 * parent asks again. Throws Fault `sub_agent_refused`, `invalid_input`, what reading the request and `certify` throw.
 */
export async function enrolSubAgent(
  order: SubAgentOrder,
  ca: CertificateAuthority,
  door: SubAgentDoor,
): Promise<Delivery> {
  const request = await readPemRequest(order.csr);
  const { holder, address } = order;
  const child = await childOf(order, door);
  const evidence = {
    door: 'sub-agent',
    name: child.record.name,
    kind: 'ephemeral',
    owner: child.record.owner,
    dnsNames: [],
    ipAddresses: [],
    address,
    replaces: null,
  } as const;
  const requestedLife = Math.min(leafProfiles.ephemeral.defaultLife, holder.notAfter - door.clock.now());
  const authority = { ...ca, agents: withChild(child.record, door.agents) };
  const enrolled = certify({ request, evidence, requestedLife }, authority, () =>
    register(child, order, door),
  );
  return deliver(await enrolled, ca);
}

interface Child {
  readonly record: AgentRecord & { readonly parent: string };
  /** As it is registered; null for a new one. */
  readonly before: AgentRecord | null;
}

/** The agent that the certificate is for. A refusal is in the log before anybody hears of it. */
async function childOf(order: SubAgentOrder, door: SubAgentDoor): Promise<Child> {
  try {
    return await allowedChild(order, door);
  } catch (error) {
    const { holder, name, address } = order;
    const { code, message: reason } = toFault(error);
    const of = { name: `${holder.name}${between}${name}`.slice(0, 64), kind: 'ephemeral', door: 'sub-agent' };
    await door.audit.append({ type: 'certificate.refused', ...of, replaces: null, address, code, reason });
    throw error;
  }
}

async function allowedChild(
  { holder, name, purpose, roles }: SubAgentOrder,
  { agents, clock, most }: SubAgentDoor,
): Promise<Child> {
  if (most === 0) throw refused('agents enrol no others here (authority.subAgents)');
  const whole = `${holder.name}${between}${name}`;
  if (!ownPart.test(name) || whole.length > 64) {
    throw new Fault(
      'invalid_input',
      `${JSON.stringify(name.slice(0, 64))} is not the name of an agent below ${holder.name}: use lower-case letters, digits, and single dashes or underscores between them, at most 64 with what comes before.`,
    );
  }
  const parent = await agents.find(holder.name);
  if (!parent) throw new Fault('agent_unknown', `No agent named ${holder.name} is registered.`);
  const more = roles.filter((role) => !parent.roles.includes(role));
  if (more.length > 0) throw refused(`${holder.name} itself is not in the roles ${more.join(', ')}`);
  if (holder.notAfter - clock.now() < shortestLife) {
    throw refused(`the certificate of ${holder.name} ends within a minute; renew it first`);
  }
  if ((await generationOf(parent, agents)) >= mostGenerations) {
    throw refused(`${holder.name} is ${mostGenerations} generations below an agent that others enrolled`);
  }
  const before = await agents.find(whole);
  if (before && before.parent !== parent.name) throw refused(`${whole} is another agent`);
  const { owner, device } = parent;
  const fresh = { state: 'active', buildDigest: null, createdAt: clock.now(), lastSeen: null } as const;
  const record = {
    ...(before ?? { ...fresh, name: whole, owner, device, purpose }),
    roles,
    parent: parent.name,
  };
  return { record, before };
}

/** How many agents are above one; an agent that others enrolled has none. */
async function generationOf({ parent }: AgentRecord, agents: SubAgentRecords): Promise<number> {
  let generation = 0;
  for (let above = parent; above !== undefined && generation < mostGenerations; generation += 1) {
    above = (await agents.find(above))?.parent;
  }
  return generation;
}

function withChild(child: AgentRecord, agents: SubAgentRecords): AgentStates {
  return { find: async (name) => (name === child.name ? child : await agents.find(name)) };
}

/** Once the request is approved: registers what is new, and narrows or widens what is not. */
async function register(
  { record, before }: Child,
  { holder, address }: SubAgentOrder,
  { agents, audit, most }: SubAgentDoor,
): Promise<void> {
  const { name, owner, roles, parent } = record;
  if (!before) {
    if (!(await agents.addBelow(record, most)))
      throw refused(`${parent} has ${most} agents below it already`);
    await audit.append({ type: 'agent.added', name, owner, roles, parent });
  } else if (before.roles.join() !== roles.join()) {
    await agents.change(name, { roles });
    await audit.append({ type: 'agent.changed', name, roles, parent });
  }
  await audit.append({ type: 'sub-agent.accepted', name, parent, serial: holder.serial, roles, address });
}

function refused(why: string): Fault {
  return new Fault('sub_agent_refused', `The agent gets no certificate: ${why}.`);
}
