import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json, JsonObject } from '../../kernel/canonical-json.ts';
import { steppedClock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import { memoryNonces } from '../signed-call/memory-nonces.ts';
import { delegated, intended, noon, party, trusting } from './agent-passport.fixture.ts';
import { createPassportGate, Passport, type PassportCall, type PassportGate } from './passport-gate.ts';
import { chainsOf, type PassportRules } from './passport-rules.ts';

const [root, team, agent, stranger] = [party(), party(), party(), party()];
const first = delegated(root, team, null);
const second = delegated(team, agent, first);

interface World {
  readonly gate: PassportGate;
  readonly clock: ReturnType<typeof steppedClock>;
  rules: PassportRules;
}

function world(
  records: readonly JsonObject[] = [second, first],
  changes: Partial<PassportRules> = {},
): World {
  const ports = trusting(root);
  const chains = chainsOf(records, ports);
  assert.ok(!('refusal' in chains));
  const clock = steppedClock(noon);
  const at: { rules: PassportRules } = {
    rules: {
      servers: new Map([['billing', new Map([['send', ['payments:pay']]])]]),
      agents: new Map([['ci-bot', new Set([agent.did])]]),
      chains,
      revoked: new Set(),
      keyOf: ports.keyOf,
      ...changes,
    },
  };
  const gate = createPassportGate({
    rules: () => at.rules,
    clock,
    done: memoryNonces(clock),
    gateway: () => 'https://gateway.example',
  });
  return Object.assign(at, { gate, clock });
}

const call = (intent: Json | undefined, changes: Partial<PassportCall> = {}): PassportCall => ({
  server: 'billing',
  tool: 'pay',
  arguments: { amount: 12, to: 'ada' },
  intent,
  agent: 'ci-bot',
  ...changes,
});

/** The rule that a call is refused by; null for one that is admitted. */
async function refusal(given: PassportCall, { gate }: World = world()): Promise<string | null> {
  try {
    await gate.admit(given);
    return null;
  } catch (error) {
    assert.ok(error instanceof Fault);
    if (error.code !== 'passport_refused') return error.code;
    return /\((\w+)\)/.exec(error.message)?.[1] ?? '';
  }
}

test('O9 a call under a good chain is admitted, once, and says what it may', async () => {
  const { gate } = world();
  const intent = intended(agent, second);
  const passport = await gate.admit(call(intent));
  assert.ok(Passport.proves(passport));
  assert.equal(passport.issuer, root.did);
  assert.equal(passport.delegation, second['delegation_id']);
  assert.deepEqual(passport.scopes, ['mcp:billing:pay']);
  assert.deepEqual([passport.reputation, passport.reversibility], [80, 'compensable']);
  gate.confirm(passport);
  await assert.rejects(gate.admit(call(intent)), { code: 'passport_refused', message: /MCP_ACTION_REPLAY/ });
  await gate.admit(call(intended(agent, second, { nonce: '1'.repeat(32) })));
});

test('O9 of twenty calls with one intent at once, one is admitted', async () => {
  const at = world();
  const intent = intended(agent, second);
  const codes = await Promise.all(Array.from({ length: 20 }, () => refusal(call(intent), at)));
  assert.equal(codes.filter((code) => code === null).length, 1);
  assert.equal(codes.filter((code) => code === 'MCP_ACTION_REPLAY').length, 19);
});

test('O9 only servers that are named want an intent, and there a call without one is refused', async () => {
  const { gate } = world();
  assert.equal(gate.wants('billing'), true);
  assert.equal(gate.wants('files'), false);
  assert.equal(await refusal(call(undefined)), 'passport_required');
  assert.equal(await refusal(call(null)), 'MCP_AUTHORIZATION_MALFORMED');
});

test('O9 an intent of another agent, for another gateway, or that lives for long is refused', async () => {
  const intent = intended(agent, second);
  assert.equal(await refusal(call(intent, { agent: 'other' })), 'AGENT_MISMATCH');
  assert.equal(await refusal(call(intended(stranger, second))), 'AGENT_MISMATCH');
  const elsewhere = intended(agent, second, { mcp_server: 'https://other.example/mcp/billing' });
  assert.equal(await refusal(call(elsewhere)), 'MCP_TARGET_MISMATCH');
  const long = intended(agent, second, { expires_at: new Date(noon - 1_000 + 300_001).toISOString() });
  assert.equal(await refusal(call(long)), 'INTENT_TOO_LONG');
});

test('O9 an intent that was refused for its agent uses up nothing', async () => {
  const at = world();
  const intent = intended(agent, second);
  assert.equal(await refusal(call(intent, { agent: 'other' }), at), 'AGENT_MISMATCH');
  assert.equal(await refusal(call(intent), at), null);
});

test('O9 the delegation has to be known, for this agent, in force, and to grant what is asked for', async () => {
  assert.equal(await refusal(call(intended(agent, delegated(root, agent, null)))), 'DELEGATION_UNKNOWN');
  assert.equal(await refusal(call(intended(agent, first))), 'SUBJECT_MISMATCH');
  assert.equal(await refusal(call(intended(agent, second, { scope_required: [] }))), 'SCOPE_NOT_STATED');
  const more = intended(agent, second, { scope_required: ['admin', 'mcp:billing:pay'] });
  assert.equal(await refusal(call(more)), 'SCOPE_NOT_GRANTED');
  const all = intended(agent, second, { scope_required: ['*', 'mcp:billing:pay'] });
  assert.equal(await refusal(call(all)), 'SCOPE_NOT_GRANTED');
  const sent = intended(agent, second, { tool_name: 'send', scope_required: ['payments:pay'] });
  assert.equal(await refusal(call(sent, { tool: 'send' })), null);
  const unstated = intended(agent, second, { tool_name: 'send', scope_required: ['mcp:billing:send'] });
  assert.equal(await refusal(call(unstated, { tool: 'send' })), 'SCOPE_NOT_STATED');
});

test('O9 a bound on spending that nobody counts lets nothing be spent (fail closed)', async () => {
  const spent = (amount: string) => intended(agent, second, { spend: { unit: 'iso4217:EUR:minor', amount } });
  assert.equal(await refusal(call(spent('1'))), 'SPEND_NOT_COUNTED');
  assert.equal(await refusal(call(spent('0'))), null);
  const free = delegated(root, agent, null, { authority: { spend: { mode: 'unbounded' } } });
  const intent = intended(agent, free, { spend: { unit: 'iso4217:EUR:minor', amount: '1' } });
  assert.equal(await refusal(call(intent), world([free])), null);
});

test('O9 revoking any link of a chain, or its end, refuses new calls and ends what is under way', async () => {
  for (const link of [first, second]) {
    const at = world();
    const passport = await at.gate.admit(call(intended(agent, second)));
    at.rules = { ...at.rules, revoked: new Set([link['delegation_id'] as string]) };
    assert.throws(() => at.gate.confirm(passport), { code: 'passport_refused', message: /\(REVOKED\)/ });
    assert.equal(await refusal(call(intended(agent, second, { nonce: '2'.repeat(32) })), at), 'REVOKED');
  }
  const at = world();
  const passport = await at.gate.admit(call(intended(agent, second)));
  at.clock.advance(3_600_000);
  assert.throws(() => at.gate.confirm(passport), { code: 'passport_refused', message: /\(EXPIRED\)/ });
  const gone = world();
  const held = await gone.gate.admit(call(intended(agent, second)));
  gone.rules = { ...gone.rules, chains: new Map() };
  assert.throws(() => gone.gate.confirm(held), { code: 'passport_refused', message: /DELEGATION_UNKNOWN/ });
});

test('O9 acts that cannot be remembered are not done (fail closed)', async () => {
  const at = world();
  const gate = createPassportGate({
    rules: () => at.rules,
    clock: at.clock,
    done: {
      take: () => {
        throw new Fault('unavailable', 'The memory is full.');
      },
    },
    gateway: () => 'https://gateway.example',
  });
  assert.equal(await refusal(call(intended(agent, second)), { ...at, gate }), 'unavailable');
});

test('O9 a passport cannot be made up (law 1)', async () => {
  const passport = await world().gate.admit(call(intended(agent, second)));
  const Forged = passport.constructor as new (...given: unknown[]) => Passport;
  assert.throws(() => new Forged(Symbol('passport'), {}, {}), TypeError);
  assert.equal(Passport.proves(Object.assign({}, passport)), false);
});

test('O9 parents that lead in a circle are no chain', () => {
  const circle = [{ ...first, parent_delegation_id: second['delegation_id'] ?? null }, second];
  const chains = chainsOf(circle, trusting(root));
  assert.ok('refusal' in chains);
});
