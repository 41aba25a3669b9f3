import type { BoundedRecord } from '../../audit/bounded-record.ts';
import type { AuditLog } from '../../audit/log.ts';
import type { CertificateAuthority } from '../../ca/certificate-authority.ts';
import { certify } from '../../ca/certify.ts';
import { rootsOf } from '../../ca/issuer.ts';
import { readPemRequest } from '../../ca/request.ts';
import { revoke, revokeName } from '../../ca/revoke.ts';
import { type ApprovalQueueParts, decide } from '../../enrol/approval/approval-queue.ts';
import { deliver, rootOf } from '../../enrol/delivery.ts';
import { redeemRoute, renewRoute, trustBundleRoute } from '../../enrol/enrol-routes.ts';
import { createJoinToken } from '../../enrol/join-token/create-join-token.ts';
import { enrolSubAgent } from '../../enrol/sub-agent/enrol-sub-agent.ts';
import { enrolWorkload } from '../../enrol/workload/enrol-workload.ts';
import type { WorkloadDoor } from '../../enrol/workload/workload-door.ts';
import type { AgentRecord } from '../../identity/agent-record.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import { namePattern } from '../../x509/leaf-profile.ts';
import { refuseLookAlike } from '../admin/server-offer.ts';
import { FailingRenewals } from '../expiry/failing-renewals.ts';
import type { LocalFeed } from '../feed/local-feed.ts';
import { createSecretChecks } from '../feed/secret-checks.ts';
import { createFlowReports } from '../feed/flow-reports.ts';
import { createServerStates } from '../feed/server-states.ts';
import type { Store } from '../store/store.ts';
import { openCatalogue } from '../tools/catalogue.ts';
import type { Authority, RevocationOrder } from './authority.ts';
import type { People } from './people.ts';
import { revocations } from './revocations.ts';
import { roundOfDevices } from './round-of-devices.ts';
import { fingerprintOf } from './fingerprint.ts';
import { subjectStates } from './subject-states.ts';

/** What the acts of an authority work on. */
interface Parts {
  readonly ca: CertificateAuthority;
  readonly urlsOf: Authority['urlsOf'];
  readonly store: Store;
  readonly audit: AuditLog;
  readonly strangers: Pick<BoundedRecord, 'record'>;
  readonly workloads: Pick<WorkloadDoor, 'issuers' | 'strangers'>;
  readonly issuance: Authority['issuance'];
  readonly queue: ApprovalQueueParts;
  readonly people: People;
  readonly clock: Clock;
  readonly feed: LocalFeed;
  /** How long after its end a certificate may still be renewed, in milliseconds. */
  readonly renewalGrace: number;
  /** How many agents one may enrol below itself. */
  readonly subAgents: number;
}

type Acts = Omit<
  Authority,
  | 'issuer'
  | 'issuers'
  | 'rotation'
  | 'peers'
  | 'urlsOf'
  | 'rootCrl'
  | 'rootOcsp'
  | 'partners'
  | 'callApprovals'
  | 'bundle'
  | 'issuanceLog'
  | 'witness'
  | 'auditKey'
  | 'registrationKey'
  | 'tokenSecrets'
  | 'assertions'
  | 'tokenClients'
  | 'announceTokens'
  | 'rotateTokenKey'
  | 'attestations'
  | 'bindingSecrets'
  | 'policyProblem'
  | 'policies'
  | 'tokenRules'
  | typeof Symbol.asyncDispose
>;

const everyKind = ['agent', 'ephemeral', 'server', 'gateway', 'admin'] as const;

/** The acts of an authority over its opened parts. */
export function administered(parts: Parts): Acts {
  const { ca, store, audit, clock, feed } = parts;
  const renewals = new FailingRenewals();
  const tools = openCatalogue(parts);
  return {
    clock,
    store,
    audit,
    ca,
    subjects: subjectStates(store),
    feed,
    serverStates: createServerStates(clock),
    flowReports: createFlowReports(clock),
    secretChecks: createSecretChecks(),
    tools,
    describe: () => ({
      ...trustBundleRoute(ca),
      rootNotAfter: rootOf(ca.issuer).notAfter,
      intermediateNotAfter: ca.issuer.certificate.notAfter,
    }),
    async addAgent(agent) {
      const record: AgentRecord = { ...agent, state: 'active', createdAt: clock.now(), lastSeen: null };
      await store.agents.add(record);
      await audit.append({ type: 'agent.added', name: agent.name, owner: agent.owner, roles: agent.roles });
      return record;
    },
    async changeAgentState(name, state, reason) {
      const record = await store.agents.change(name, { state });
      await audit.append({ type: 'agent.changed', name, state, reason });
      if (state === 'retired') {
        const words = { reason: `agent retired: ${reason}`, actor: 'authority' } as const;
        for (const one of [record, ...(await store.agents.listBelow(name))]) {
          await revokeName({ ...words, name: one.name, kinds: ['agent', 'ephemeral'] }, revoking(parts));
        }
      }
      return record;
    },
    async changeAgentRoles(name, roles) {
      const record = await store.agents.change(name, { roles });
      await audit.append({ type: 'agent.changed', name, roles });
      return record;
    },
    async changeAgentDevice(name, device) {
      const record = await store.agents.change(name, { device });
      await audit.append({ type: 'agent.changed', name, device });
      return record;
    },
    async agentsSeen(seen) {
      // A gateway whose clock is ahead does not see into the future.
      for (const [name, at] of Object.entries(seen)) await store.agents.seen(name, Math.min(at, clock.now()));
    },
    async putServer(definition, replace) {
      refuseLookAlike(definition.name, await store.servers.list());
      if (definition.tools === 'first-list') await tools.awaitFirstList(definition.name);
      await store.servers.put(definition, clock.now(), { replace });
      await audit.append({ type: replace ? 'server.changed' : 'server.added', name: definition.name });
      return definition;
    },
    async removeServer(name) {
      if (!(await store.servers.remove(name)))
        throw new Fault('not_found', `No MCP server named ${name} is registered.`);
      await store.tools.forget(name);
      await audit.append({ type: 'server.removed', name });
    },
    async issueFor(order, actor, own) {
      const { name, kind, dnsNames, ipAddresses } = order;
      const { issuer = ca.issuer, replaces: before } = own ?? {};
      const replaces = await inForce(before, store);
      const door = own ? 'own' : 'admin';
      const evidence = { door, name, kind, owner: actor, dnsNames, ipAddresses, replaces };
      const requestedLife = order.minutes === undefined ? null : order.minutes * 60_000;
      return deliver(
        await certify(
          { request: await readPemRequest(order.csr), evidence, requestedLife },
          { ...ca, issuer, urls: parts.urlsOf(issuer) },
        ),
        ca,
      );
    },
    redeem: (token, csr, address) =>
      redeemRoute(
        { token, csr, address },
        { ...ca, joinTokens: store.joinTokens, strangers: parts.strangers },
      ),
    enrolWorkload: (token, csr, address) =>
      enrolWorkload({ token, csr, address }, ca, {
        ...parts.workloads,
        used: store.usedTokens,
        clock,
        audit,
      }),
    enrolPerson: (order) => parts.people.enrol(order, ca),
    enrolSubAgent: (order) =>
      enrolSubAgent(order, ca, { agents: store.agents, audit, clock, most: parts.subAgents }),
    people: parts.people,
    renewals,
    renew: (current, csr) =>
      renewals.count(
        current.serial,
        parts.people
          .beforeRenewal(current)
          .then(() => renewRoute({ current, csr, grace: parts.renewalGrace }, ca)),
      ),
    revocations: revocations(parts),
    issuance: parts.issuance,
    decide: (id, decision) => decide(id, decision, parts.queue),
    checkDevices: (signal) => roundOfDevices(parts, signal),
    async revoke(order, actor) {
      return { revoked: await revokeOrdered(order, actor, parts) };
    },
    async createJoinToken({ minutes, ...order }, actor) {
      const { name, kind, batch } = order;
      const one = !batch && namePattern.test(name);
      if (one && (kind === 'agent' || kind === 'ephemeral')) await requireActiveAgent(name, store);
      const made = await createJoinToken(
        { ...order, life: minutes * 60_000, createdBy: actor },
        { tokens: store.joinTokens, audit, clock },
      );
      return { ...made, name, kind, rootFingerprint: rootsOf(ca.issuers()).map(fingerprintOf).join() };
    },
    async endJoinToken(id, actor) {
      const ended = await store.joinTokens.end(id, clock.now());
      if (ended) await audit.append({ type: 'join-token.ended', id, actor });
      return ended;
    },
  };
}

/** What is revoked has no successor, and our own certificates are made anew all the same. */
async function inForce(serial: string | undefined, { certificates }: Store): Promise<string | null> {
  if (serial === undefined) return null;
  return (await certificates.find(serial))?.state === 'issued' ? serial : null;
}

async function requireActiveAgent(name: string, store: Store): Promise<void> {
  const agent = await store.agents.find(name);
  if (!agent) {
    throw new Fault(
      'agent_unknown',
      `No agent named ${name} is registered. First: countersign agent add ${name}`,
    );
  }
  if (agent.state === 'active') return;
  const remedy =
    agent.state === 'suspended'
      ? `First: countersign agent resume ${name} --reason …`
      : 'Its name is not used again: add an agent with another one.';
  throw new Fault('agent_inactive', `The agent ${name} is ${agent.state}. ${remedy}`);
}

async function revokeOrdered(
  order: RevocationOrder,
  actor: string,
  parts: Parts,
): Promise<readonly string[]> {
  const { serial, name, reason, revocation } = order;
  if (serial !== undefined && name === undefined) {
    const done = await revoke({ serial: serial.toLowerCase(), reason, revocation, actor }, revoking(parts));
    return done ? [serial.toLowerCase()] : [];
  }
  if (name !== undefined && serial === undefined) {
    return await revokeName({ name, kinds: everyKind, reason, revocation, actor }, revoking(parts));
  }
  throw new Fault('invalid_input', 'Name either a serial or a name to revoke.');
}

function revoking({ store, audit, clock }: Parts): Parameters<typeof revoke>[1] {
  return { records: store.certificates, audit, clock };
}
