import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openStore } from '../../src/app/store/open-store.ts';
import type { Store } from '../../src/app/store/store.ts';
import { Fault } from '../../src/kernel/fault.ts';
import { steppedClock } from '../../src/kernel/clock.ts';
import { startPostgres } from '../interop/start-postgres.ts';
import { reserved } from './certificate-records.contract.ts';
import { withPostgresStore } from './postgres-store.ts';

const postgres = await startPostgres({ user: 'countersign' });
after(() => postgres[Symbol.asyncDispose]());

type Act = (store: Store) => Promise<unknown>;

const login = {
  person: 'ada@example.com',
  provider: 'company',
  issuer: 'https://id.example.com',
  subject: 'a-1',
  claims: { '/groups': ['staff'] },
  at: 5_000,
  authenticatedAt: 4_000,
};
const passkey = {
  id: 'key',
  person: 'ada@example.com',
  host: 'localhost',
  publicKey: new Uint8Array([0, 1, 255]),
  counter: 0,
  transports: ['usb'],
  mayBeCopied: false,
  isCopied: false,
  createdAt: 1,
  lastUsedAt: null,
};
const invitation = {
  hash: 'i',
  person: 'ada@example.com',
  createdBy: 'root',
  createdAt: 1,
  expiresAt: 900_000,
};
const session = (hash: string, expiresAt: number) => ({
  hash,
  person: 'ada@example.com',
  authenticatedAt: 9_000,
  provider: 'company',
  sid: 's',
  acr: null,
  amr: ['pwd'],
  expiresAt,
});
const consent = {
  person: 'ada@example.com',
  key: 'k',
  client: 'c',
  clientName: null,
  redirect: 'https://c.example.com',
  scopes: ['a'],
  resources: [],
  givenAt: 9_000,
  expiresAt: 900_000,
};
const call = (id: string) => ({
  id,
  digest: `d-${id}`,
  agent: 'bot',
  spiffeId: 'spiffe://example.internal/agent/bot',
  owner: 'ada',
  person: null,
  client: null,
  server: 'files',
  method: 'tools/call',
  target: 'read',
  params: { a: 1 },
  argumentsHash: 'h',
  asks: [],
  policyVersion: 'v',
  address: '127.0.0.1',
  gateway: 'gateway',
  state: 'waiting',
  askedAt: 1_000,
  expiresAt: 2_000,
  decidedAt: null,
  decidedBy: null,
  reason: null,
  usedAt: null,
});
const subject = {
  kind: 'agent',
  name: 'bot',
  dnsNames: ['a.example'],
  ipAddresses: [],
  createdBy: 'root',
} as const;
const order = (id: string, replaces: string | null) => ({
  id,
  accountId: 'account',
  status: 'pending' as const,
  identifiers: [],
  createdAt: 2_000,
  expiresAt: 900_000,
  notAfter: null,
  replaces,
  keyHash: null,
  serial: null,
  problem: null,
});
const authorization = (id: string, orderId: string) =>
  ({
    id,
    orderId,
    accountId: 'account',
    identifier: { type: 'dns', value: 'a.example' },
    status: 'pending',
    expiresAt: 900_000,
    token: 't',
    challenge: null,
    validatedAt: null,
    attestation: null,
    problem: null,
  }) as never;
const caps = { open: 2, perHour: 3 };
const pin = {
  server: 'files',
  tool: 'b',
  state: 'approved',
  revision: 1,
  first: null,
  seen: null,
  approved: [],
  decided: null,
};
const agent = (name: string, parent?: string) => ({
  name,
  owner: 'ada',
  purpose: 'p',
  roles: ['r'],
  buildDigest: null,
  device: null,
  state: 'active' as const,
  createdAt: 1,
  lastSeen: null,
  ...(parent !== undefined && { parent }),
});

/** What is done with the records that no contract suite covers, in order. */
const acts: readonly Act[] = [
  ({ people }) => people.enter(login),
  ({ people }) => people.add({ person: 'ada@example.com', displayName: 'Ada', groups: ['x'] }, 10),
  ({ people }) => people.add({ person: 'ada@example.com', displayName: 'Ada', groups: [] }, 11),
  ({ people }) => people.change('ada@example.com', { groups: ['y'] }),
  ({ people }) => people.change('nobody', { groups: [] }),
  ({ people }) => people.ofAccount('https://id.example.com', 'a-1'),
  ({ people }) => people.revoke('ada@example.com', 3_000),
  ({ people }) => people.revoke('ada@example.com', 2_000),
  ({ people }) => people.enter({ ...login, subject: 'other' }),
  ({ people }) => people.logins(),
  ({ people }) => people.list(),
  ({ invitations }) => invitations.add(invitation),
  ({ invitations }) => invitations.add({ ...invitation, hash: 'first', person: null }),
  ({ invitations }) => invitations.find('i', 100),
  ({ invitations }) => invitations.redeem('i', passkey),
  ({ invitations }) => invitations.redeem('i', passkey),
  ({ invitations }) => invitations.withdraw('ada@example.com'),
  ({ passkeys }) => passkeys.find('key'),
  ({ passkeys }) => passkeys.used('key', { counter: 2, isCopied: true, at: 50 }),
  ({ passkeys }) => passkeys.used('key', { counter: 2, isCopied: true, at: 60 }),
  ({ passkeys }) => passkeys.list('ada@example.com'),
  ({ browserSessions }) => browserSessions.add(session('one', 20_000), { most: 2, now: 9_000 }),
  ({ browserSessions }) => browserSessions.add(session('two', 30_000), { most: 2, now: 9_000 }),
  ({ browserSessions }) => browserSessions.add(session('three', 40_000), { most: 2, now: 9_000 }),
  ...['one', 'two', 'three'].map(
    (hash): Act =>
      ({ browserSessions }) =>
        browserSessions.find(hash, 10_000),
  ),
  ({ browserSessions }) => browserSessions.ofProvider('company', 's'),
  ({ browserSessions }) => browserSessions.end('two'),
  ({ browserSessions }) => browserSessions.endAll('ada@example.com'),
  ({ consents }) => consents.put(consent),
  ({ consents }) => consents.put({ ...consent, scopes: ['a', 'b'] }),
  ({ consents }) => consents.has('ada@example.com', 'k', 10_000),
  ({ consents }) => consents.list('ada@example.com', 10_000),
  ({ consents }) => consents.withdraw('ada@example.com', 'c'),
  ({ callApprovals }) => callApprovals.ask(call('a') as never),
  ({ callApprovals }) => callApprovals.ask(call('a') as never),
  ({ callApprovals }) => callApprovals.ask(call('b') as never),
  ({ callApprovals }) =>
    callApprovals.decide('a', { state: 'granted', by: 'root', reason: null, expiresAt: 5_000 }, 1_500),
  ({ callApprovals }) =>
    callApprovals.decide('no', { state: 'granted', by: 'root', reason: null, expiresAt: null }, 1_500),
  ({ callApprovals }) => callApprovals.use('a', 'd-a', 1_600),
  ({ callApprovals }) => callApprovals.use('a', 'd-a', 1_600),
  ({ callApprovals }) => callApprovals.withdraw('b', 'd-no', 1_600),
  ({ callApprovals }) => callApprovals.expire(3_000),
  ({ callApprovals }) => callApprovals.list(true),
  ({ callApprovals }) => callApprovals.list(false),
  ({ acmeKeys }) => acmeKeys.add({ id: 'eab', ...subject, createdAt: 1, expiresAt: 900_000, usedAt: null }),
  ({ acmeAccounts }) =>
    acmeAccounts.open({ id: 'account', thumbprint: 'tp', jwk: '{}', contact: [], keyId: 'eab' }, 2_000),
  ({ acmeAccounts }) =>
    acmeAccounts.open({ id: 'second', thumbprint: 'tp', jwk: '{}', contact: [], keyId: 'eab' }, 2_000),
  ({ acmeKeys }) => acmeKeys.list(),
  ({ acmeKeys }) => acmeKeys.remove('eab'),
  ({ acmeAccounts }) => acmeAccounts.findByThumbprint('tp'),
  ({ acmeAccounts }) => acmeAccounts.setContact('account', ['mailto:a@example.com']),
  ({ acmeAccounts }) => acmeAccounts.changeKey('account', 'tp', { thumbprint: 'tp2', jwk: '{}' }),
  ({ acmeAccounts }) => acmeAccounts.changeKey('account', 'tp', { thumbprint: 'tp3', jwk: '{}' }),
  ({ acmeOrders }) =>
    acmeOrders.add(order('o1', 'aa'), [authorization('z1', 'o1'), authorization('z2', 'o1')], caps),
  ({ acmeOrders }) => acmeOrders.add(order('o2', 'aa'), [], caps),
  ({ acmeOrders }) => acmeOrders.add(order('o3', null), [authorization('z3', 'o3')], caps),
  ({ acmeOrders }) => acmeOrders.add(order('o4', null), [], caps),
  ({ acmeOrders }) => acmeOrders.choose('z1', 'http-01', 3_000),
  ({ acmeOrders }) => acmeOrders.choose('z2', 'http-01', 3_000),
  ({ acmeOrders }) => acmeOrders.unsettled(),
  ({ acmeOrders }) => acmeOrders.settle('z1', { at: 4_000 }),
  ({ acmeOrders }) => acmeOrders.settle('z2', { at: 4_000 }),
  ({ acmeOrders }) => acmeOrders.provenBy('account', 5_000),
  ({ acmeOrders }) => acmeOrders.authorizationsOf('o1'),
  ({ acmeOrders }) => acmeOrders.begin('o1', 'kh', 5_000),
  ({ acmeOrders }) => acmeOrders.processing(),
  ({ acmeOrders }) => acmeOrders.putBack('o1'),
  ({ acmeOrders }) => acmeOrders.begin('o1', 'kh', 5_000),
  ({ acmeOrders }) => acmeOrders.complete('o1', 'aa'),
  ({ acmeOrders }) => acmeOrders.fail('o1', {}),
  ({ acmeOrders }) => acmeOrders.findBySerial('aa'),
  ({ acmeOrders }) => acmeOrders.giveUp('z3'),
  ({ acmeOrders }) => acmeOrders.listOf('account', 10),
  ({ acmeAccounts }) => acmeAccounts.close('account', 'deactivated'),
  ({ tools }) => tools.change('files', 'b', () => pin as never),
  ({ tools }) => tools.change('files', 'a', () => ({ ...pin, tool: 'a' }) as never),
  ({ tools }) => tools.list('files'),
  ({ partners }) => partners.put('acme', () => ({ name: 'acme' }) as never),
  ({ flowOrders }) => flowOrders.put({ family: 'f', person: null, until: 50 }),
  ({ flowOrders }) => flowOrders.put({ family: 'f', person: null, until: 40 }),
  ({ agents }) => agents.add(agent('bot')),
  ({ agents }) => agents.addBelow(agent('below', 'bot') as never, 1),
  ({ agents }) => agents.listBelow('bot'),
  ({ agents }) => agents.derive('bot', [{ role: 'x', provider: 'company', rule: 1, because: ['y'] }]),
  ({ agents }) => agents.change('bot', { roles: ['z'] }),
  ({ agents }) => agents.origins('bot'),
  ({ agents }) => agents.seen('bot', 77),
  ({ agents }) => agents.seen('bot', 66),
  ({ agents }) => agents.list(),
  ({ certificates }) => certificates.reserve(reserved({ serial: '0a', name: 'bot' })),
  ({ certificates }) => certificates.complete('0a', new Uint8Array([1, 0, 255])),
  ({ certificates }) => certificates.reserve(reserved({ serial: '0b', name: 'bot', replaces: '0a' })),
  ({ certificates }) => certificates.complete('0b', new Uint8Array([2])),
  ({ certificates }) => certificates.list({ notReplaced: true }),
  ({ ends }) => ends.page({ notAfter: 0, serial: '' }, 10),
  ({ ends }) => ends.find('0a'),
  ({ blockedKeys }) => blockedKeys.block('kh', 'r', 1),
  ({ blockedKeys }) => blockedKeys.block('kh', 'r', 2),
  ({ blockedKeys }) => blockedKeys.isBlocked('kh'),
  ({ meta }) => meta.swap('a', null, 'b'),
  ({ meta }) => meta.swap('a', 'b', 'c'),
  ({ meta }) => meta.swap('a', 'b', 'd'),
  ({ people }) => people.forget('ada@example.com'),
  ({ people }) => people.remove('ada@example.com', 90_000),
  ({ people }) => people.list(),
  ({ passkeys }) => passkeys.remove('key'),
  ({ tools }) => tools.forget('files'),
  ({ changes }) => changes.snapshot(),
  ({ changes }) => changes.since(0),
];

test('S4 what is done with every record has the same outcome on PostgreSQL as on SQLite', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-'));
  try {
    await using sqlite = await openStore({ file: join(folder, 'state.db'), clock: steppedClock(1_000) });
    await withPostgresStore(postgres, async (store) => {
      for (const act of acts)
        assert.deepEqual(await outcomeOf(act, store), await outcomeOf(act, sqlite), String(act));
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});

/** What came of it: a value, or the code of a fault. Anything else is an error of the test or of the store. */
async function outcomeOf(act: Act, store: Store): Promise<unknown> {
  try {
    return { value: await act(store) };
  } catch (error) {
    if (error instanceof Fault && error.code !== 'unavailable') return { code: error.code };
    throw error;
  }
}
