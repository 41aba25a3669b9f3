import assert from 'node:assert/strict';
import { test } from 'node:test';
import { steppedClock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import { aRule, callsOf, permitOf, standingOf } from './caller.fixture.ts';
import type { LimitRules } from './limit-rule.ts';
import { limitOfEachAgent } from './limit-rule.ts';
import type { LimitStore } from './limit-store.ts';
import { createLimits, type Limits, type Place } from './limits.ts';
import { memoryLimitStore } from './memory-limits.ts';

const noTurns = { take: () => null };

function limitsOf(rules: LimitRules, store: LimitStore = memoryLimitStore(steppedClock(0))): Limits {
  return createLimits({ rules: () => rules, store, turns: noTurns, onLost: () => undefined });
}

const alice = await standingOf('alice', { owner: 'ann', roles: ['guest'] });
const bob = await standingOf('bob', { owner: 'ben' });
const carol = await standingOf('carol', { owner: 'ann' });

/** One permitted call; gives its place. */
async function call(
  limits: Limits,
  who: typeof alice,
  server: string,
  ...tools: readonly string[]
): Promise<Place> {
  const place = await limits.enter(who);
  try {
    const inbound = callsOf(...tools);
    await place.countBatch(inbound);
    await place.claim(permitOf(who, server, inbound));
    return place;
  } catch (error) {
    place[Symbol.dispose]();
    throw error;
  }
}

test('T7 an agent has so many requests open at once, and each place comes back once', async () => {
  const limits = limitsOf([limitOfEachAgent(2, 1_000)]);
  const first = await limits.enter(alice);
  await limits.enter(alice);
  assert.throws(() => limits.enter(alice), { code: 'limit_reached' });
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  await limits.enter(alice);
  assert.throws(() => limits.enter(alice), { code: 'limit_reached' });
});

test('T7 one agent at its limit does not keep another out', async () => {
  const limits = limitsOf([limitOfEachAgent(1, 1_000)]);
  await limits.enter(alice);
  assert.throws(() => limits.enter(alice), { code: 'limit_reached' });
  await limits.enter(bob);
});

test('T7 each kind of limit has its own code and says when to try again', async () => {
  const limits = limitsOf([
    aRule('fast', ['agent'], {
      rate: { calls: 1, milliseconds: 10_000, burst: 1 },
      only: { agents: new Set(['alice']) },
    }),
    aRule('dear', ['agent'], {
      budget: { hour: { calls: 1, octets: null }, day: null },
      only: { agents: new Set(['bob']) },
    }),
  ]);
  await limits.enter(alice);
  assert.throws(() => limits.enter(alice), {
    code: 'rate_exceeded',
    retryAfterSeconds: 10,
    message: /"fast"/,
  });
  await limits.enter(bob);
  assert.throws(() => limits.enter(bob), {
    code: 'budget_spent',
    retryAfterSeconds: 3_600,
    message: /"dear"/,
  });
});

test('T7 a limit per agent and tool counts each pair by itself', async () => {
  const limits = limitsOf([aRule('r', ['agent', 'tool'], { concurrent: 1 })]);
  await call(limits, alice, 'files', 'read');
  await assert.rejects(call(limits, alice, 'files', 'read'), { code: 'limit_reached' });
  await call(limits, alice, 'files', 'write');
  await call(limits, alice, 'other', 'read');
  await call(limits, bob, 'files', 'read');
});

test('T7 a limit per person counts all agents of that person', async () => {
  const limits = limitsOf([aRule('r', ['person'], { concurrent: 1 })]);
  await limits.enter(alice);
  assert.throws(() => limits.enter(carol), { code: 'limit_reached' });
  await limits.enter(bob);
});

test('T7 a limit of a server counts every agent, and a limit of everybody every server', async () => {
  const limits = limitsOf([
    aRule('server', ['server'], { concurrent: 1, only: { servers: new Set(['files']) } }),
    aRule('all', [], { concurrent: 3 }),
  ]);
  await call(limits, alice, 'files', 'read');
  await assert.rejects(call(limits, bob, 'files', 'write'), { message: /"server"/ });
  await call(limits, bob, 'other', 'write');
  await call(limits, carol, 'other', 'write');
  await assert.rejects(call(limits, carol, 'third', 'write'), { message: /"all"/ });
});

test('T7 a limit with roles, agents, persons or tools is for those only', async () => {
  const limits = limitsOf([
    aRule('guests', ['agent'], { concurrent: 1, only: { roles: new Set(['guest']) } }),
    aRule('search', ['tool'], { concurrent: 1, only: { tools: new Set(['web/search']) } }),
  ]);
  await call(limits, bob, 'web', 'search');
  await assert.rejects(call(limits, carol, 'web', 'search'), { message: /"search"/ });
  await call(limits, carol, 'web', 'fetch');
  await call(limits, bob, 'web', 'fetch');
  await call(limits, alice, 'web', 'fetch');
  assert.throws(() => limits.enter(alice), { message: /"guests"/ });
});

test('T7 what policy refuses uses up nothing of a server or tool that others share', async () => {
  const limits = limitsOf([
    aRule('r', ['server'], { budget: { hour: null, day: { calls: 1, octets: null } } }),
  ]);
  for (let refused = 0; refused < 100; refused++) {
    const place = await limits.enter(alice);
    await place.countBatch(callsOf('read'));
    place[Symbol.dispose]();
  }
  await call(limits, bob, 'files', 'read');
});

test('T7 a batch counts as its requests, tool by tool', async () => {
  const limits = limitsOf([
    limitOfEachAgent(4, 1_000),
    aRule('echo', ['tool'], { concurrent: 2, only: { tools: new Set(['files/echo']) } }),
  ]);
  await assert.rejects(call(limits, alice, 'files', 'a', 'b', 'c', 'd', 'e'), { code: 'limit_reached' });
  await assert.rejects(call(limits, alice, 'files', 'echo', 'echo', 'echo'), { message: /"echo"/ });
  const place = await call(limits, alice, 'files', 'echo', 'b', 'echo', 'd');
  assert.throws(() => limits.enter(alice), { code: 'limit_reached' });
  place[Symbol.dispose]();
  await call(limits, alice, 'files', 'echo', 'b', 'echo', 'd');
});

test('T7 the parts of a request to all servers count their caller once, and each its own server', async () => {
  const limits = limitsOf([
    limitOfEachAgent(1, 1_000),
    aRule('each-server', ['server'], { concurrent: 1 }),
    aRule('octets', ['agent'], { budget: { hour: { calls: null, octets: 10 }, day: null } }),
  ]);
  const whole = await limits.enter(alice);
  const parts = limits.within(whole);
  const first = await call(parts, alice, 'files', 'read');
  await call(parts, alice, 'web', 'search');
  await assert.rejects(call(parts, alice, 'web', 'search'), { message: /"each-server"/ });
  assert.equal((await first.spend(11))?.code, 'budget_spent');
  first[Symbol.dispose]();
  assert.throws(() => limits.enter(alice), { code: 'limit_reached' });
  whole[Symbol.dispose]();
  assert.throws(() => limits.enter(alice), { code: 'budget_spent' });
});

test('T7 octets of an answer are counted while it is sent, and overdrawing tells at once', async () => {
  const limits = limitsOf([
    aRule('r', ['agent'], { budget: { hour: { calls: null, octets: 10 }, day: null } }),
  ]);
  const place = await limits.enter(alice);
  assert.equal(await place.spend(10), null);
  assert.equal((await place.spend(1))?.code, 'budget_spent');
  assert.throws(() => limits.enter(alice), { code: 'budget_spent' });
});

test('T7 rules that change take effect at the next request and forget nothing that was counted', async () => {
  let rules: LimitRules = [aRule('r', ['agent'], { concurrent: 2 })];
  const store = memoryLimitStore(steppedClock(0));
  const limits = createLimits({ rules: () => rules, store, turns: noTurns, onLost: () => undefined });
  const first = await limits.enter(alice);
  rules = [aRule('r', ['agent'], { concurrent: 1 })];
  assert.throws(() => limits.enter(alice), { code: 'limit_reached' });
  first[Symbol.dispose]();
  await limits.enter(alice);
});

test('T7 two gateways on one store hold one limit (trap: limits per instance)', async () => {
  const store = memoryLimitStore(steppedClock(0));
  // Each has read the rules for itself.
  const here = limitsOf([limitOfEachAgent(1, 1_000)], store);
  const there = limitsOf([limitOfEachAgent(1, 1_000)], store);
  const place = await here.enter(alice);
  assert.throws(() => there.enter(alice), { code: 'limit_reached' });
  await there.enter(bob);
  place[Symbol.dispose]();
  await there.enter(alice);
});

test('T7 a store that fails refuses, at once or later, and says so (trap: revocation store down means allow)', async () => {
  const broken = new Error('connection lost');
  const throwing = limitsOf([limitOfEachAgent(1, 1)], {
    take: () => {
      throw broken;
    },
  });
  assert.throws(() => throwing.enter(alice), { code: 'unavailable', cause: broken });
  const rejecting = limitsOf([limitOfEachAgent(1, 1)], { take: () => Promise.reject(broken) });
  await assert.rejects(async () => await rejecting.enter(alice), { code: 'unavailable', cause: broken });
});

test('T7 a store over a network works as well, and a place it cannot take back is told', async () => {
  const memory = memoryLimitStore(steppedClock(0));
  const lost: unknown[] = [];
  const store: LimitStore = {
    async take(claims) {
      const verdict = memory.take(claims);
      if (verdict.shortage) return verdict;
      return {
        shortage: null,
        spend: (octets) => Promise.resolve(verdict.spend(octets)),
        leave: () => Promise.reject(new Error('connection lost')),
      };
    },
  };
  const rules = [
    aRule('r', ['agent'], { concurrent: 1, budget: { hour: { calls: null, octets: 1 }, day: null } }),
  ];
  const limits = createLimits({
    rules: () => rules,
    store,
    turns: noTurns,
    onLost: (error) => lost.push(error),
  });
  const place = await limits.enter(alice);
  await assert.rejects(async () => await limits.enter(alice), { code: 'limit_reached' });
  assert.ok((await place.spend(2)) instanceof Fault);
  place[Symbol.dispose]();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(lost.length, 1);
});

test('T7 O1 where a token says for whom, that person is counted and not the owner of the agent', async () => {
  const limits = limitsOf([
    limitOfEachAgent(10, 1_000),
    aRule('person', ['person'], { concurrent: 2 }),
    aRule('eve', [], { concurrent: 1, only: { persons: new Set(['sso:eve']), servers: new Set(['files']) } }),
  ]);
  const enter = async (who: typeof alice, person: string): Promise<Place> => {
    const place = await limits.enter(who, 'later');
    await place.forPerson(person);
    return place;
  };
  const first = await enter(alice, 'sso:eve');
  await enter(bob, 'sso:eve');
  await assert.rejects(enter(alice, 'sso:eve'), { code: 'limit_reached', message: /"person"/ });
  // Neither the owner of the agent nor another person of it has used anything up.
  await enter(alice, 'sso:adam');
  await limits.enter(alice);
  await limits.enter(alice);
  assert.throws(() => limits.enter(alice), { code: 'limit_reached', message: /"person"/ });
  // A batch is counted for the person as well, and what is permitted for the person at the server.
  first[Symbol.dispose]();
  const again = await enter(alice, 'sso:eve');
  assert.throws(() => again.countBatch(callsOf('a', 'b')), { code: 'limit_reached' });
  await again.claim(permitOf(alice, 'files', callsOf('a')));
  again[Symbol.dispose]();
  // The person is counted once for a whole of several parts.
  const whole = await enter(bob, 'sso:adam');
  const part = await limits.within(whole).enter(bob, 'later');
  await part.forPerson('sso:adam');
  await part.claim(permitOf(bob, 'files', callsOf('a')));
});

test('T7 O1 as long as the person is not known, the agent is counted', async () => {
  const limits = limitsOf([limitOfEachAgent(1, 1_000), aRule('person', ['person'], { concurrent: 1 })]);
  const place = await limits.enter(alice, 'later');
  assert.throws(() => limits.enter(alice, 'later'), { code: 'limit_reached' });
  place[Symbol.dispose]();
  const next = await limits.enter(alice, 'later');
  await next.forPerson('sso:eve');
});
