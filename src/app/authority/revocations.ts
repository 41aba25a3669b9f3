import type { AuditLog } from '../../audit/log.ts';
import { reinstate, revoke, revokeKey, revokeName, type RevocationWords } from '../../ca/revoke.ts';
import type { GroupName } from '../../enrol/person/group-members.ts';
import type { AgentRecord } from '../../identity/agent-record.ts';
import { fromBase64url, toBase64url } from '../../kernel/bytes.ts';
import type { Clock } from '../../kernel/clock.ts';
import { tokenAfterglow } from '../../oauth/server/oauth-records.ts';
import { Fault } from '../../kernel/fault.ts';
import { suggest } from '../../kernel/suggest.ts';
import { authorityName, type LeafKind } from '../../x509/leaf-profile.ts';
import { personTokens } from './person-tokens.ts';
import type { Store } from '../store/store.ts';
import type { People } from './people.ts';

/** What a revocation took away. */
export interface Revoked {
  /** Serials, in the order of their issuance. */
  readonly revoked: readonly string[];
  /** How many join tokens can no longer be used. */
  readonly joinTokens: number;
  /** How many ACME accounts, and keys to open some with, can no longer be used. */
  readonly acme: number;
}

/** Revoking more than one certificate, and less than for good. */
export interface Revocations {
  /** Refused like a revoked one until it is reinstated. False when it was revoked or held already. */
  hold(serial: string, words: Words): Promise<boolean>;
  /** False when it is not on hold. Fault `conflict` for one that is revoked for good. */
  reinstate(serial: string, words: Words): Promise<boolean>;
  /**
   * All certificates, join tokens and ACME accounts of an agent and of all that it enrolled below itself. Their records stay: a
   * new join token lets it in again. Fault `not_found`.
   */
  agent(name: string, words: Words): Promise<Revoked & Agents>;
  /** Those of all below an agent, and not its own. Fault `not_found`. */
  below(name: string, words: Words): Promise<Revoked & Agents>;
  /** An agent and all below it. Fault `not_found`. */
  treeOf(name: string): Promise<Agents>;
  /** Those of every agent that a person owns. Fault `not_found` for somebody who owns none and is not known. */
  person(owner: string, words: Words): Promise<Revoked & { readonly agents: readonly string[] }>;
  /**
   * Those of every agent whose owner was in a group of a provider at their last login; each of them has to authenticate anew.
   * Fault `not_found` for a group that nobody was in, `conflict` for one that two providers have.
   */
  group(group: GroupName, words: Words): Promise<Revoked & InGroup>;
  /** Whom that would be, and which agents. */
  inGroup(group: GroupName): Promise<InGroup>;
  /** Those of every agent on a device. Fault `not_found` for a device that no agent is on. */
  device(device: string, words: Words): Promise<Revoked & { readonly agents: readonly string[] }>;
  /** All server certificates, join tokens and ACME accounts of a name. */
  server(name: string, words: Words): Promise<Revoked>;
  /** All certificates for a key, given by its hash; it gets none any more, under whatever name. */
  key(keyHash: string, words: Words): Promise<Revoked>;
}

type Words = RevocationWords;

interface Agents {
  readonly agents: readonly string[];
}

interface InGroup extends Agents {
  readonly people: readonly string[];
}

interface Parts {
  readonly store: Store;
  readonly audit: AuditLog;
  readonly clock: Clock;
  readonly people: Pick<People, 'members'>;
}

const agentKinds: readonly LeafKind[] = ['agent', 'ephemeral'];

/** Agents that are revoked together, and what they have in common. */
interface Together {
  readonly subject: string;
  readonly name: string;
  readonly agents: readonly string[];
  readonly tokens?: number;
}

/** The revocations of an authority over its opened parts. */
export function revocations({ store, audit, clock, people }: Parts): Revocations {
  const authority = { records: store.certificates, blockedKeys: store.blockedKeys, audit, clock };
  const take = async (name: string, kinds: readonly LeafKind[], words: Words): Promise<Revoked> => {
    // The doors first: what is let in after this was let in before it.
    const joinTokens = await store.joinTokens.withdraw(name, kinds, clock.now());
    const acme = await closeAcme({ name, kinds, actor: words.actor }, { store, audit });
    if (kinds === agentKinds) await endGrants(name, { store, clock });
    return { revoked: await revokeName({ ...words, name, kinds }, authority), joinTokens, acme };
  };
  const told = async <Result extends Revoked>(
    subject: string,
    name: string,
    words: Words,
    result: Result,
  ): Promise<Result> => {
    const { reason, revocation = 'unspecified', actor } = words;
    const { revoked, joinTokens, acme } = result;
    const counts = { certificates: revoked.length, joinTokens, acme };
    await audit.append({ type: 'subject.revoked', subject, name, reason, revocation, actor, ...counts });
    return result;
  };
  /** Everything of several agents; `tokens` of people went before. */
  const together = async (
    { subject, name, agents, tokens = 0 }: Together,
    words: Words,
  ): Promise<Revoked & { readonly agents: readonly string[] }> => {
    const revoked: string[] = [];
    let joinTokens = tokens;
    let acme = 0;
    for (const agent of agents) {
      const taken = await take(agent, agentKinds, words);
      revoked.push(...taken.revoked);
      joinTokens += taken.joinTokens;
      acme += taken.acme;
    }
    return await told(subject, name, words, { agents, revoked, joinTokens, acme });
  };
  /** What was proved until now counts for nothing, and the person has to authenticate anew. How many tokens they had. */
  const shutOut = async (person: string): Promise<number> => {
    await store.people.revoke(person, clock.now());
    await personTokens(store, clock).end(person);
    return await store.joinTokens.withdrawOwned(person, clock.now());
  };
  /** The names of all agents that have one thing in common. Fault `not_found` when there is none. */
  const inCommon = async (
    what: string,
    wanted: string,
    thing: (agent: AgentRecord) => string | null,
  ): Promise<readonly string[]> => {
    const all = await store.agents.list();
    const agents = all.filter((agent) => thing(agent) === wanted).map(({ name }) => name);
    if (agents.length > 0) return agents;
    throw unknown(
      what,
      wanted,
      all.flatMap((agent) => thing(agent) ?? []).map((name) => ({ name })),
    );
  };
  const belowOf = async (name: string): Promise<readonly string[]> => {
    if (!(await store.agents.find(name))) throw unknown('agent', name, await store.agents.list());
    return (await store.agents.listBelow(name)).map((agent) => agent.name);
  };
  const ownedBy = async (owners: readonly string[]): Promise<readonly AgentRecord[]> => {
    const all = await store.agents.list();
    return all.filter(({ owner }) => owners.includes(owner));
  };
  return {
    hold: (serial, words) => revoke({ ...words, serial, revocation: 'certificateHold' }, authority),
    reinstate: (serial, words) => reinstate({ ...words, serial }, authority),
    async agent(name, words) {
      const below = await belowOf(name);
      return await together({ subject: 'agent', name, agents: [name, ...below] }, words);
    },
    async below(name, words) {
      return await together({ subject: 'sub-agents', name, agents: await belowOf(name) }, words);
    },
    async treeOf(name) {
      return { agents: [name, ...(await belowOf(name))] };
    },
    async person(owner, words) {
      const known = await store.people.find(owner);
      // The doors first, here and below.
      const tokens = await shutOut(owner);
      const agents = known
        ? (await ownedBy([owner])).map(({ name }) => name)
        : await inCommon('owner', owner, ({ owner: of }) => of);
      return await together({ subject: 'person', name: owner, agents, tokens }, words);
    },
    async group(group, words) {
      const members = (await people.members(group)).map(({ person }) => person);
      let tokens = 0;
      for (const person of members) tokens += await shutOut(person);
      const agents = (await ownedBy(members)).map(({ name }) => name);
      const result = await together({ subject: 'group', name: group.group, agents, tokens }, words);
      return { people: members, ...result };
    },
    async inGroup(group) {
      const members = (await people.members(group)).map(({ person }) => person);
      return { people: members, agents: (await ownedBy(members)).map(({ name }) => name) };
    },
    async device(device, words) {
      const agents = await inCommon('device', device, ({ device: on }) => on);
      return await together({ subject: 'device', name: device, agents }, words);
    },
    async server(name, words) {
      if (name === authorityName) {
        throw new Fault(
          'conflict',
          "That is the authority's own certificate. Revoke its serial: countersign cert revoke",
        );
      }
      return await told('server', name, words, await take(name, ['server'], words));
    },
    async key(text, words) {
      const keyHash = readKeyHash(text);
      const revoked = await revokeKey({ revocation: 'keyCompromise', ...words, keyHash }, authority);
      return await told('key', keyHash, words, { revoked, joinTokens: 0, acme: 0 });
    },
  };
}

/** Ends what people granted an agent, also one whose certificates are all over by now. */
async function endGrants(name: string, { store, clock }: Pick<Parts, 'store' | 'clock'>): Promise<void> {
  // The certificates of one that another agent enrolled are all ephemeral, with the same SPIFFE ID.
  const certificate = (await store.certificates.list({ name })).find(({ kind }) => agentKinds.includes(kind));
  if (!certificate) return;
  const now = clock.now();
  await store.oauth.end({
    kind: 'agent',
    key: certificate.spiffeId,
    before: now,
    until: now + tokenAfterglow,
  });
}

/** Closes the ACME accounts of a subject and removes the keys that some could be opened with. How many those were. */
async function closeAcme(
  subject: { readonly name: string; readonly kinds: readonly LeafKind[]; readonly actor: string },
  { store, audit }: Pick<Parts, 'store' | 'audit'>,
): Promise<number> {
  const { name, kinds, actor } = subject;
  const isTheirs = (one: { readonly name: string; readonly kind: LeafKind }): boolean =>
    one.name === name && kinds.includes(one.kind);
  let closed = 0;
  for (const { id } of (await store.acmeKeys.list()).filter(isTheirs)) {
    if (!(await store.acmeKeys.remove(id))) continue;
    closed += 1;
    await audit.append({ type: 'acme-key.removed', id, actor });
  }
  for (const { id, kind } of (await store.acmeAccounts.list()).filter(isTheirs)) {
    if (!(await store.acmeAccounts.close(id, 'revoked'))) continue;
    closed += 1;
    await audit.append({ type: 'acme-account.changed', id, kind, name, status: 'revoked', actor });
  }
  return closed;
}

function unknown(what: string, wanted: string, known: readonly { readonly name: string }[]): Fault {
  const nearest = suggest(
    wanted,
    known.map(({ name }) => name),
  );
  const hint = nearest ? `Did you mean ${nearest}?` : 'See: countersign agent list';
  return new Fault('not_found', `There is no ${what} ${wanted}. ${hint}`);
}

/** base64url of a SHA-256 as it is recorded, from that or from hex. Throws Fault `invalid_input`. */
function readKeyHash(text: string): string {
  const octets = /^[0-9a-fA-F]{64}$/.test(text) ? Buffer.from(text, 'hex') : fromBase64url(text);
  if (octets?.length === 32) return toBase64url(octets);
  throw new Fault(
    'invalid_input',
    'Give the SHA-256 of the SubjectPublicKeyInfo of the key, in hex or base64url, or the serial of a certificate for it.',
  );
}
