import type { JSONWebKeySet } from 'jose';
import type { BoundedRecord } from '../../audit/bounded-record.ts';
import type { AuditLog } from '../../audit/log.ts';
import type { Evidence } from '../../ca/evidence.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Fault, toFault } from '../../kernel/fault.ts';
import { readToken, type UnverifiedToken } from '../workload/read-token.ts';
import type { UsedTokens } from '../workload/used-tokens.ts';
import { kidOf } from '../workload/workload-door.ts';
import { chooseAgent, type ChosenAgent } from './choose-agent.ts';
import { deriveRoles } from './derive-roles.ts';
import type { Login, OwnedAgents, PersonRecords } from './login-records.ts';
import type { PersonProvider } from './person-provider.ts';
import { refused } from './read-person.ts';
import { verifyLogin } from './verify-login.ts';

/** The providers of an authority and their keys. */
export interface PersonProviders {
  /** Throws Fault `config_invalid` or `unavailable` when that cannot be told. */
  list(): Promise<readonly PersonProvider[]>;
  /** Throws Fault `unavailable` when they cannot be had. */
  keysOf(provider: PersonProvider, kid: string | null): Promise<JSONWebKeySet>;
}

export interface PersonDoor {
  readonly providers: PersonProviders;
  readonly people: PersonRecords;
  readonly agents: OwnedAgents;
  readonly used: UsedTokens;
  readonly clock: Clock;
  readonly audit: Pick<AuditLog, 'append'>;
  /** Where logins that are not accepted are recorded: whoever reaches the listener can present one. */
  readonly strangers: Pick<BoundedRecord, 'record'>;
}

/** What somebody shows at the door. */
export interface PersonOrder {
  /** An ID token. */
  readonly token: string;
  /** base64url(SHA-256) of the key that the certificate is asked for. */
  readonly keyHash: string;
  /** The name of the agent, or null for the one that goes without saying. */
  readonly agent: string | null;
  readonly address: string | null;
}

/** A person who was recognised. */
export interface ProvenPerson {
  readonly evidence: Evidence;
  /** Uses the token up. Throws Fault `login_refused` when it was used before. */
  useUp(): Promise<void>;
}

/**
 * What a login proves: that its person may have a certificate for an agent of theirs, which is registered now if it was not.
 * A token is good once, when what it is for is approved; until then it is good for the same key again. Throws Fault `login_refused`, or `unavailable` when that
 * cannot be told now.
 */
export async function admitPerson(order: PersonOrder, door: PersonDoor): Promise<ProvenPerson> {
  const { people, agents, clock, audit } = door;
  const { address } = order;
  const seen: { provider: string | null; person: string | null } = { provider: null, person: null };
  try {
    const token = readToken(order.token);
    const provider = providerOf(token, await door.providers.list());
    seen.provider = provider.name;
    const keys = await door.providers.keysOf(provider, kidOf(token));
    const now = clock.now();
    const { login, endsAt } = await verifyLogin(token, provider, keys, { keyHash: order.keyHash, now });
    seen.person = login.person;
    const chosen = await chooseAgent(order.agent, login, provider, agents);
    if (await door.used.has(token.hash)) throw usedAlready();
    await people.enter(login);
    await audit.append({ type: 'person.accepted', ...seen, name: chosen.name, address });
    await register(chosen, login, door);
    await deriveFor(chosen.name, login, provider, door);
    const known = { ...seen, name: chosen.name, address };
    return {
      evidence: evidenceOf(chosen.name, login.person, address),
      async useUp() {
        if (await door.used.take(token.hash, endsAt, clock.now())) return;
        throw await toldTo(door, usedAlready(), known);
      },
    };
  } catch (error) {
    throw await toldTo(door, error, { ...seen, name: seen.person === null ? null : order.agent, address });
  }
}

function usedAlready(): Fault {
  return refused('its token was used already');
}

function evidenceOf(name: string, owner: string, address: string | null): Evidence {
  const names = { dnsNames: [], ipAddresses: [] };
  return { door: 'person', name, kind: 'agent', owner, ...names, address, replaces: null };
}

/** Applies the rules in force to what is known of a person; roles given by hand stay. */
export async function deriveFor(
  name: string,
  login: Login,
  provider: PersonProvider,
  { agents, audit }: Pick<PersonDoor, 'agents' | 'audit'>,
): Promise<void> {
  const derived = deriveRoles(provider, login.claims);
  if (!(await agents.derive(name, derived))) return;
  const roles = derived.map(({ role }) => role);
  await audit.append({ type: 'agent.changed', name, derived: roles, person: login.person });
}

async function register(
  { name, isNew }: ChosenAgent,
  { person, provider, at }: Login,
  { agents, audit }: PersonDoor,
): Promise<void> {
  if (!isNew) return;
  const purpose = `enrolled by its owner, who logged in at ${provider}`;
  const rest = {
    purpose,
    roles: [],
    buildDigest: null,
    device: null,
    state: 'active',
    createdAt: at,
    lastSeen: null,
  } as const;
  try {
    await agents.add({ name, owner: person, ...rest });
  } catch (error) {
    if (toFault(error).code !== 'conflict') throw error;
    throw refused(`somebody registered an agent ${name} at this moment; choose another name`);
  }
  await audit.append({ type: 'agent.added', name, owner: person, roles: [] });
}

/** Records what was refused, and makes of it what whoever asked may know. */
async function toldTo(
  door: PersonDoor,
  error: unknown,
  known: Readonly<Record<string, string | null>>,
): Promise<Fault> {
  const { code, message } = toFault(error);
  await door.strangers.record({ type: 'person.refused', ...known, code, reason: message });
  // Reading and verifying a token are shared with the door of workloads.
  if (code === 'workload_refused' || code === 'login_refused') {
    return new Fault('login_refused', message, { cause: error });
  }
  // Where its files and its providers are is nothing for strangers.
  const detail = 'Whether the login holds cannot be told at the moment; the log of the authority says why.';
  return new Fault('unavailable', detail, { cause: error, retryAfterMilliseconds: 30_000 });
}

function providerOf({ claims }: UnverifiedToken, providers: readonly PersonProvider[]): PersonProvider {
  const found = providers.find(({ issuer }) => issuer === claims['iss']);
  if (found) return found;
  throw refused('its token is of a provider that this authority does not know');
}
