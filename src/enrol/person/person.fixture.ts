import type { AgentRecord } from '../../identity/agent-record.ts';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import { readAgentNames } from './agent-names.ts';
import type { DerivedRole } from './derive-roles.ts';
import type { OwnedAgents, PersonRecord, PersonRecords, RoleOrigins } from './login-records.ts';
import type { PersonProvider } from './person-provider.ts';

export const personIssuer = 'https://id.example.internal';

/** A provider whose people may register `{person}` and `{person}-*`. */
export function providerOf(more: Partial<PersonProvider> = {}): PersonProvider {
  return {
    name: 'company',
    issuer: personIssuer,
    client: 'countersign',
    scopes: ['email'],
    person: 'email',
    domains: [],
    groups: '/groups',
    members: [],
    agents: ['{person}', '{person}-*'].map(readAgentNames),
    mostAgents: 3,
    withoutNonce: false,
    vouches: false,
    authenticatedWithin: 3_600_000,
    loginLife: 86_400_000,
    rules: [{ claims: new Map([['/groups', ['engineering']]]), gives: ['builder'], takes: [] }],
    scopeRules: [],
    pages: null,
    ...more,
  };
}

/** Claims of an ID token that holds, for the key of that hash. */
export function loginClaims(now: number, keyHash: string, more: JsonObject = {}): JsonObject {
  const seconds = Math.floor(now / 1_000);
  return {
    iss: personIssuer,
    aud: 'countersign',
    sub: 'a-1',
    iat: seconds,
    exp: seconds + 300,
    auth_time: seconds - 10,
    nonce: keyHash,
    email: 'alice@example.com',
    email_verified: true,
    groups: ['engineering', 'staff'],
    ...more,
  };
}

/** Agents in memory. */
export function memoryAgents(): OwnedAgents & { readonly records: Map<string, AgentRecord> } {
  const records = new Map<string, AgentRecord>();
  const origins = new Map<string, RoleOrigins>();
  return {
    records,
    find: async (name) => records.get(name) ?? null,
    list: async () => [...records.values()],
    add: async (record) => void records.set(record.name, record),
    async derive(name, derived: readonly DerivedRole[]) {
      const before = records.get(name);
      if (!before) return false;
      const byHand = origins.get(name)?.byHand ?? before.roles;
      origins.set(name, { byHand, derived });
      const roles = [...new Set([...byHand, ...derived.map(({ role }) => role)])];
      records.set(name, { ...before, roles });
      return roles.join() !== before.roles.join();
    },
    origins: async (name) => origins.get(name) ?? null,
  };
}

/** People in memory, who are let in whoever they are. */
export function memoryPeople(): PersonRecords & { readonly records: Map<string, PersonRecord> } {
  const records = new Map<string, PersonRecord>();
  const rest = { displayName: null, groups: [], state: 'active', addedAt: null } as const;
  return {
    records,
    find: async (person) => records.get(person) ?? null,
    logins: async () => [...records.values()].flatMap(({ login }) => login ?? []),
    enter: async (login) =>
      void records.set(login.person, { ...rest, person: login.person, login, revokedAt: null }),
    revoke: async (person, at) => void records.set(person, { ...rest, person, login: null, revokedAt: at }),
    forget: async (person) => records.delete(person),
  };
}
