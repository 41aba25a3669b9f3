import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { AuditEvent } from '../../audit/log.ts';
import type { Evidence } from '../../ca/evidence.ts';
import type { AgentRecord } from '../../identity/agent-record.ts';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import { steppedClock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import type { FaultCode } from '../../kernel/fault-codes.ts';
import { memoryUsedTokens } from '../workload/memory-used-tokens.ts';
import { type TestIssuer, testIssuer } from '../workload/workload.fixture.ts';
import { loginClaims, memoryAgents, memoryPeople, providerOf } from './person.fixture.ts';
import { admitPerson, type PersonDoor, type PersonOrder } from './person-door.ts';
import type { PersonProvider } from './person-provider.ts';
import { renewLogin } from './renew-login.ts';

const now = 1_800_000_000_000;
const keyHash = 'k'.repeat(43);

interface Stage {
  readonly door: PersonDoor;
  readonly issuer: TestIssuer;
  readonly events: AuditEvent[];
  readonly clock: ReturnType<typeof steppedClock>;
  readonly agents: ReturnType<typeof memoryAgents>;
  readonly people: ReturnType<typeof memoryPeople>;
  provider: PersonProvider | null;
  enrol(claims?: JsonObject, agent?: string | null, header?: JsonObject): Promise<Evidence>;
}

function stageOf(more: Partial<PersonProvider> = {}): Stage {
  const issuer = testIssuer();
  const [clock, agents, people] = [steppedClock(now), memoryAgents(), memoryPeople()];
  const events: AuditEvent[] = [];
  const audit = {
    append: async (event: AuditEvent) => void events.push(event),
  } as unknown as PersonDoor['audit'];
  const stage: Stage = {
    provider: providerOf(more),
    issuer,
    events,
    clock,
    agents,
    people,
    door: {
      providers: {
        list: async () => (stage.provider ? [stage.provider] : []),
        keysOf: async () => issuer.keys,
      },
      people,
      agents,
      used: memoryUsedTokens(),
      clock,
      audit,
      strangers: { record: async (event) => void events.push(event) },
    },
    enrol(claims = {}, agent = null, header) {
      const token = issuer.token(loginClaims(clock.now(), keyHash, claims), header);
      return enrolled({ token, keyHash, agent, address: '192.0.2.1' }, stage.door);
    },
  };
  return stage;
}

async function enrolled(order: PersonOrder, door: PersonDoor): Promise<Evidence> {
  const { evidence, useUp } = await admitPerson(order, door);
  await useUp();
  return evidence;
}

const agentOf = (name: string, owner: string): AgentRecord => ({
  name,
  owner,
  purpose: 'p',
  roles: ['by-hand'],
  buildDigest: null,
  device: null,
  state: 'active',
  createdAt: 1,
  lastSeen: null,
});
const fault =
  (code: FaultCode, words = /./) =>
  (error: unknown): boolean =>
    error instanceof Fault && error.code === code && words.test(error.message);

describe('I3 the login of a person', () => {
  test('registers an agent of theirs, gives it the roles of their groups and says so in the log', async () => {
    const { enrol, agents, events } = stageOf();
    const { name, owner, kind, door } = await enrol({ email: 'Alice@Example.com' });
    assert.deepEqual([name, owner, kind, door], ['alice', 'alice@example.com', 'agent', 'person']);
    assert.deepEqual(agents.records.get('alice')?.roles, ['builder']);
    assert.deepEqual(
      events.map(({ type }) => type),
      ['person.accepted', 'agent.added', 'agent.changed'],
    );
  });

  const refusals: readonly (readonly [string, JsonObject, RegExp])[] = [
    ['for another key', { nonce: 'x'.repeat(43) }, /another key/],
    ['without a nonce', { nonce: undefined as never }, /no nonce/],
    ['for another client', { aud: 'other' }, /not for/],
    ['of another client', { azp: 'other' }, /another client/],
    ['for several without saying for whom', { aud: ['countersign', 'other'] }, /another client/],
    ['that is no ID token by its claims', { typ: 'Bearer' }, /no ID token/],
    ['that is a logout token', { events: {} }, /no ID token/],
    ['of a while ago', { iat: now / 1_000 - 700 }, /older than/],
    ['without a time of issue', { iat: undefined as never }, /older than/],
    ['that has ended', { exp: now / 1_000 - 60 }, /ended/],
    ['of somebody who authenticated long ago', { auth_time: now / 1_000 - 7_200 }, /too long ago/],
    ['of somebody who authenticated at no time', { auth_time: undefined as never }, /auth_time/],
    ['of somebody who authenticates tomorrow', { auth_time: now / 1_000 + 86_400 }, /auth_time/],
    ['with an address that nobody verified', { email_verified: false }, /not verified/],
    ['with an address that is verified in words', { email_verified: 'true' }, /not verified/],
    ['with two addresses', { email: ['alice@example.com'] }, /email/],
    ['with an address that is no visible text', { email: 'alice@exa mple.com' }, /email/],
    ['of another issuer', { iss: 'https://id.example.internal/' }, /provider that this authority/],
    ['whose groups are elsewhere', { _claim_names: { groups: 'src1' } }, /too many/],
    ['with a group longer than any', { groups: ['g'.repeat(300)] }, /longer/],
  ];
  for (const [what, claims, words] of refusals) {
    test(`is refused with a token ${what}, and nothing is written but the refusal`, async () => {
      const { enrol, agents, people, events } = stageOf();
      await assert.rejects(enrol(claims), fault('login_refused', words));
      assert.deepEqual([agents.records.size, people.records.size], [0, 0]);
      assert.deepEqual(
        events.map(({ type }) => type),
        ['person.refused'],
      );
    });
  }

  test('is refused with an access token, whatever it says', async () => {
    const { enrol } = stageOf();
    const header = { alg: 'ES256', kid: 'one', typ: 'at+jwt' };
    await assert.rejects(enrol({}, null, header), fault('login_refused', /no ID token/));
  });

  test('is refused with a token that another key signed, and with one of no algorithm', async () => {
    const stage = stageOf();
    const token = testIssuer().token(loginClaims(now, keyHash));
    const order = { token, keyHash, agent: null, address: null };
    await assert.rejects(admitPerson(order, stage.door), fault('login_refused', /signature/));
    const none = stage.issuer.token(loginClaims(now, keyHash), { alg: 'none' });
    await assert.rejects(
      admitPerson({ ...order, token: none }, stage.door),
      fault('login_refused', /signature/),
    );
  });

  test('gives one certificate for each token', async () => {
    const stage = stageOf();
    const token = stage.issuer.token(loginClaims(now, keyHash));
    const order = { token, keyHash, agent: null, address: null };
    const other = stage.issuer.token(loginClaims(now, keyHash, { jti: '2' }));
    const twice = (): ReturnType<typeof admitPerson> => admitPerson({ ...order, token: other }, stage.door);
    // Until it is approved the same token is good again.
    await admitPerson(order, stage.door);
    await enrolled(order, stage.door);
    await assert.rejects(admitPerson(order, stage.door), fault('login_refused', /used/));
    const [first, second] = [await twice(), await twice()];
    await first.useUp();
    await assert.rejects(second.useUp(), fault('login_refused', /used/));
    assert.equal(stage.events.at(-1)?.type, 'person.refused');
  });

  test('never gives an agent of somebody else, in the words that say there is none', async () => {
    const { enrol, agents } = stageOf();
    agents.records.set('press', agentOf('press', 'bob@example.com'));
    agents.records.set('alice-x', agentOf('alice-x', 'bob@example.com'));
    agents.records.set('mine', agentOf('mine', 'alice@example.com'));
    const said = async (name: string): Promise<string> =>
      enrol({ jti: name }, name).then(
        () => 'let in',
        (error: unknown) =>
          `${error instanceof Fault && error.code} ${(error as Error).message.replace(name, '…')}`,
      );
    assert.equal(await said('press'), await said('nobody-has-this'));
    assert.equal(await said('press'), await said('alice-x'));
    assert.equal(await said('press'), await said('bob-laptop'));
    assert.match(await said('press'), /^login_refused .*alice, alice-\*/);
    assert.equal(await said('mine'), 'let in');
    assert.deepEqual(agents.records.get('mine')?.roles, ['by-hand', 'builder'], 'roles given by hand stay');
  });

  test('registers no more agents than a person may own', async () => {
    const { enrol } = stageOf({ mostAgents: 2 });
    await enrol({ jti: '1' }, 'alice-1');
    await enrol({ jti: '2' }, 'alice-2');
    await assert.rejects(enrol({ jti: '3' }, 'alice-3'), fault('login_refused', /2 are allowed/));
    await enrol({ jti: '4' }, 'alice-2');
  });

  test('is refused to those outside of the groups and domains that count', async () => {
    await assert.rejects(
      stageOf({ members: ['admins'] }).enrol(),
      fault('login_refused', /none of the groups/),
    );
    await stageOf({ members: ['staff'] }).enrol();
    await assert.rejects(
      stageOf({ domains: ['example.org'] }).enrol(),
      fault('login_refused', /example\.com/),
    );
    await stageOf({ domains: ['example.com'] }).enrol();
  });

  test('counts without a nonce only where the provider is known to leave it out, and never with a wrong one', async () => {
    const { enrol } = stageOf({ withoutNonce: true });
    await enrol({ nonce: undefined as never });
    await assert.rejects(enrol({ nonce: 'x' }), fault('login_refused', /another key/));
  });

  test('says nothing of the files of the authority when they cannot be read', async () => {
    const { door, issuer } = stageOf();
    const broken = async (): Promise<never> => {
      throw new Fault('config_invalid', '/data/people.yaml: line 3');
    };
    const order = { token: issuer.token(loginClaims(now, keyHash)), keyHash, agent: null, address: null };
    const closed = { ...door, providers: { ...door.providers, list: broken } };
    await assert.rejects(
      admitPerson(order, closed),
      (error) => fault('unavailable')(error) && !/people\.yaml/.test(String(error)),
    );
  });
});

describe('I4 the renewal of a certificate that goes back to a login', () => {
  const record = { name: 'alice', kind: 'agent', door: 'person' } as const;

  test('applies the rules of now to the groups of the last login', async () => {
    const stage = stageOf();
    await stage.enrol();
    stage.provider = providerOf({
      rules: [{ claims: new Map([['/groups', ['staff']]]), gives: ['reader'], takes: [] }],
    });
    await renewLogin(record, stage.door);
    assert.deepEqual(stage.agents.records.get('alice')?.roles, ['reader']);
  });

  const ends: readonly (readonly [string, (stage: Stage) => void, RegExp])[] = [
    [
      'is too long ago',
      ({ clock }) => clock.advance(86_400_001),
      /too long ago.*countersign login --agent alice/,
    ],
    ['was at a provider that is gone', (stage) => void (stage.provider = null), /any more/],
    [
      'is of no member any more',
      (stage) => void (stage.provider = providerOf({ members: ['x'] })),
      /none of the groups/,
    ],
    ['is forgotten', ({ people }) => people.records.clear(), /has not logged in/],
  ];
  for (const [what, happen, words] of ends) {
    test(`is refused once the login ${what}, and the roles it gave are gone`, async () => {
      const stage = stageOf();
      await stage.enrol();
      await renewLogin({ ...record, door: 'person-renewal' }, stage.door);
      happen(stage);
      await assert.rejects(renewLogin(record, stage.door), fault('renewal_refused', words));
      assert.deepEqual(stage.agents.records.get('alice')?.roles, []);
      // A certificate that an administrator enabled is renewed, without those roles.
      await renewLogin({ ...record, door: 'renewal' }, stage.door);
    });
  }

  test('is nothing for agents that no login made', async () => {
    const stage = stageOf();
    stage.agents.records.set('press', agentOf('press', 'alice@example.com'));
    await renewLogin({ name: 'press', kind: 'agent', door: 'join-token' }, stage.door);
    assert.deepEqual(stage.agents.records.get('press')?.roles, ['by-hand']);
  });
});
