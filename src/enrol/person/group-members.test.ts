import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../kernel/fault.ts';
import { groupMembers } from './group-members.ts';
import type { Login } from './login-records.ts';
import type { PersonClaims } from './derive-roles.ts';

const company = { issuer: 'https://id.example.com', groups: '/groups' };
const other = { issuer: 'https://other.example.com', groups: '/groups' };

const loginOf = (person: string, claims: PersonClaims, of = company): Login => ({
  person,
  provider: of === company ? 'company' : 'other',
  issuer: of.issuer,
  subject: person,
  claims,
  at: 5_000,
  authenticatedAt: 4_000,
});

async function found(
  logins: readonly Login[],
  group: string,
  more: { provider?: string; providers?: readonly (typeof company)[] } = {},
): Promise<readonly string[] | string> {
  const { provider = null, providers = [company, other] } = more;
  const people = { logins: () => Promise.resolve(logins) };
  try {
    return (await groupMembers({ group, provider }, { people, providers })).map(({ person }) => person);
  } catch (error) {
    return error instanceof Fault ? error.code : String(error);
  }
}

test('I7 in a group is who was in it at their last login, letter by letter', async () => {
  const logins = [
    loginOf('alice', { '/groups': ['staff', 'builders'] }),
    loginOf('bob', { '/groups': ['staff'] }),
    loginOf('eve', { '/groups': ['Staff'], '/department': ['staff'] }),
  ];
  assert.deepEqual(await found(logins, 'staff'), ['alice', 'bob']);
  assert.deepEqual(await found(logins, 'builders'), ['alice']);
  assert.equal(await found(logins, 'sta'), 'not_found');
});

test('I7 groups of two providers with one name are not one group', async () => {
  const logins = [
    loginOf('alice', { '/groups': ['staff'] }),
    loginOf('bob', { '/groups': ['staff'] }, other),
    loginOf('eve', { '/groups': ['guests'] }, other),
  ];
  assert.equal(await found(logins, 'staff'), 'conflict');
  assert.deepEqual(await found(logins, 'staff', { provider: 'other' }), ['bob']);
  assert.equal(await found(logins, 'guests', { provider: 'company' }), 'not_found');
});

test('I7 nobody escapes because their provider is gone or says its groups elsewhere by now', async () => {
  const logins = [loginOf('alice', { '/groups': ['staff'], '/department': ['b-4'] })];
  assert.deepEqual(await found(logins, 'staff', { providers: [] }), ['alice']);
  const moved = { ...company, groups: '/realm_access/roles' };
  assert.deepEqual(await found(logins, 'staff', { providers: [moved] }), ['alice']);
});
