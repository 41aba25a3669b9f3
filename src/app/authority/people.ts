import type { KeyObject } from 'node:crypto';
import { createBoundedRecord } from '../../audit/bounded-record.ts';
import type { AuditLog } from '../../audit/log.ts';
import type { CertificateAuthority } from '../../ca/certificate-authority.ts';
import type { CertificateRecord } from '../../ca/certificate-records.ts';
import type { Delivery } from '../../enrol/delivery.ts';
import { enrolPerson } from '../../enrol/person/enrol-person.ts';
import { type GroupName, groupMembers } from '../../enrol/person/group-members.ts';
import type { Login } from '../../enrol/person/login-records.ts';
import type { PersonDoor } from '../../enrol/person/person-door.ts';
import type { SignInDoor } from '../../enrol/sign-in/sign-in-door.ts';
import { scopesOf } from '../../enrol/person/derive-roles.ts';
import { renewLogin, standingOf } from '../../enrol/person/renew-login.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import { createChallenges } from '../../oauth/people/challenge.ts';
import type { PeopleDoor } from '../../oauth/people/people-door.ts';
import type { Redactor } from '../../secrets/redact.ts';
import {
  type ConfiguredProvider,
  type LocalScopeRule,
  readLocalScopes,
  readPeople,
} from '../config/people-file.ts';
import type { Store } from '../store/store.ts';
import { ChangingFile } from './changing-file.ts';
import type { DataFolder } from './data-folder.ts';
import { personTokens } from './person-tokens.ts';
import { signInAtProviders } from './sign-in-at-providers.ts';
import { TokenIssuersFile } from './token-issuers-file.ts';

/** What somebody has to know to log in. All of it is public. */
export interface LoginOffer {
  readonly name: string;
  readonly issuer: string;
  readonly client: string;
  readonly scopes: readonly string[];
  /** How long ago they may have authenticated, in seconds; null for any time. */
  readonly maxAge: number | null;
  /** The only authorities that vouch for the provider's server, in PEM; null for those of the system. */
  readonly authorities: string | null;
}

/** The people of an authority. */
export interface People extends AsyncDisposable {
  /** What the pages for people work on. */
  readonly door: PeopleDoor;
  /** Signing in at a provider instead. */
  readonly atProviders: SignInDoor;
  /** The scopes that a person may give clients, as of their last login; null for all that there are. */
  scopesOf(person: string): Promise<ReadonlySet<string> | null>;
  /** Where people may log in. Throws Fault `unavailable`. */
  offers(): Promise<readonly LoginOffer[]>;
  enrol(order: PersonLoginOrder, ca: CertificateAuthority): Promise<Delivery>;
  /** The last login of a person and whether it still holds; null for somebody who has not logged in. */
  explain(person: string): Promise<ExplainedLogin | null>;
  /** Who was in a group at their last login. Fault `not_found`, `conflict`. */
  members(group: GroupName): Promise<readonly Login[]>;
  /** Throws Fault `renewal_refused` for a certificate whose login does not hold any more. */
  beforeRenewal(current: CertificateRecord): Promise<void>;
}

/** A login as an administrator is told of it. Times in epoch milliseconds. */
export interface ExplainedLogin {
  readonly provider: string;
  readonly subject: string;
  readonly at: number;
  /** Until when it holds, or null when it does not. */
  readonly until: number | null;
  /** Why it does not hold, or null. */
  readonly ended: string | null;
}

/** What `countersign login` sends. */
export interface PersonLoginOrder {
  readonly token: string;
  readonly csr: string;
  readonly agent: string | null;
  readonly address: string;
}

/** Opens `people.yaml`. A file that is wrong from the start is told now, not to the first person. Throws Fault `config_invalid`. */
export async function openPeople(parts: {
  readonly data: DataFolder;
  readonly store: Store;
  readonly audit: AuditLog;
  readonly clock: Clock;
  /** What challenges and handles of people are made with. */
  readonly key: KeyObject;
  /** For the secrets of clients at providers. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly redactor: Redactor;
}): Promise<People> {
  const { data, store, audit, clock, key, environment, redactor } = parts;
  await using opened = new AsyncDisposableStack();
  const providers = opened.use(new TokenIssuersFile<ConfiguredProvider>(data.people, readPeople, clock));
  await providers.list();
  const local = opened.use(localRules(data.people));
  const strangers = opened.use(createBoundedRecord(audit, { type: 'people.refused' }));
  const door: PersonDoor = {
    providers,
    people: store.people,
    agents: store.agents,
    used: store.usedTokens,
    clock,
    audit,
    strangers,
  };
  const pages: PeopleDoor = {
    registry: store.people,
    passkeys: store.passkeys,
    invitations: store.invitations,
    sessions: store.browserSessions,
    consents: store.consents,
    tokens: personTokens(store, clock),
    challenges: createChallenges(key, clock),
    places: async () => await signInPlaces(providers),
    used: store.usedTokens,
    clock,
    audit,
    strangers,
  };
  const held = opened.move();
  return {
    door: pages,
    atProviders: signInAtProviders({ providers, people: pages, store, environment, redactor, key, clock }),
    async scopesOf(person) {
      const known = await store.people.find(person);
      const login = known?.login;
      const provider = login && (await providers.list()).find(({ issuer }) => issuer === login.issuer);
      const told = provider ? scopesOf(provider, login.claims) : null;
      // Who was added here as well is held to both.
      const here = known && known.addedAt !== null ? localScopes(known.groups, await local.current()) : null;
      return told && here ? told.intersection(here) : (told ?? here);
    },
    offers: () => offers(providers),
    enrol: (order, ca) => enrolPerson(order, ca, door),
    async explain(person) {
      const known = await store.people.find(person);
      if (!known?.login) return null;
      const { login } = known;
      const { provider, subject, at } = login;
      const standing = await standingOf(known, login, door);
      if (!('name' in standing)) return { provider, subject, at, until: null, ended: standing.ended };
      return { provider, subject, at, until: at + standing.loginLife, ended: null };
    },
    // A file that is wrong keeps nobody from being revoked.
    members: async (group) =>
      await groupMembers(group, {
        people: store.people,
        providers: await providers.list().catch(() => []),
      }),
    beforeRenewal: (current) => renewLogin(current, door),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** The rules for those who sign in with passkeys, read again when the file has changed. */
function localRules(path: string): ChangingFile<readonly LocalScopeRule[]> {
  return new ChangingFile({
    path,
    read: async (text) => (text === null ? [] : readLocalScopes(path, text)),
    close: async () => undefined,
  });
}

/** The scopes that groups give, by all rules that match; null for all that there are. */
function localScopes(
  groups: readonly string[],
  rules: readonly LocalScopeRule[],
): ReadonlySet<string> | null {
  if (rules.length === 0) return null;
  const matching = rules.filter((rule) => rule.groups.some((group) => groups.includes(group)));
  return new Set(matching.flatMap(({ scopes }) => scopes));
}

/** While the file is wrong nobody signs in, since it may say that there are no passkeys. */
async function signInPlaces(file: TokenIssuersFile<ConfiguredProvider>): Promise<readonly string[]> {
  try {
    return (await file.list()).filter(({ pages }) => pages !== null).map(({ name }) => name);
  } catch (cause) {
    const detail = 'Where to sign in cannot be told at the moment; the file of providers is wrong.';
    throw new Fault('unavailable', detail, { cause, retryAfterMilliseconds: 30_000 });
  }
}

async function offers(file: TokenIssuersFile<ConfiguredProvider>): Promise<readonly LoginOffer[]> {
  try {
    return await Promise.all(
      (await file.list()).map(async (provider) => {
        const { name, issuer, client, scopes, authenticatedWithin: within } = provider;
        const maxAge = within === null ? null : within / 1_000;
        return { name, issuer, client, scopes, maxAge, authorities: await file.vouchingFor(provider) };
      }),
    );
  } catch (cause) {
    const detail = 'Where to log in cannot be told at the moment; the file of providers is wrong.';
    throw new Fault('unavailable', detail, { cause, retryAfterMilliseconds: 30_000 });
  }
}
