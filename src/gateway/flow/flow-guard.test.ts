import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AgentRecord } from '../../identity/agent-record.ts';
import { steppedClock } from '../../kernel/clock.ts';
import type { Grant } from '../../oauth/resource/grant.ts';
import { callsOf, standingOf } from '../caller.fixture.ts';
import { type Acting, createFlowGuard, type FlowGuard } from './flow-guard.ts';
import type { Recalled } from './flow-memory.ts';
import { type FlowRules, labelList, noLabels } from './flow-rules.ts';
import { memoryFlow } from './memory-flow.ts';

const plain = { everything: false, tools: new Map(), prompts: new Map(), resources: [] };
const files = { ...plain, own: labelList(['private']), all: labelList(['private']) };
const rulesWith = (apart: 'person' | 'agent'): FlowRules => ({
  words: new Set(['private']),
  servers: new Map([['files', files]]),
  otherwise: { ...plain, own: noLabels, all: noLabels },
  remember: { quiet: 3_600_000, longest: Infinity, apart },
});

const bot = await standingOf('bot');
const clerk = await standingOf('clerk');
const tree: Readonly<Record<string, Pick<AgentRecord, 'name' | 'parent'>>> = {
  bot: { name: 'bot' },
  'bot--one': { name: 'bot--one', parent: 'bot' },
  'bot--one--two': { name: 'bot--one--two', parent: 'bot--one' },
};
const two = { caller: bot.caller, agent: tree['bot--one--two'] } as unknown as Acting['standing'];

/** What a token says; only what is looked at. */
function tokenOf(person: string | null, ...actors: readonly string[]): Grant {
  return { person, actors } as unknown as Grant;
}

function guardOf(rules: FlowRules | null = rulesWith('person')): FlowGuard {
  const view = {
    trustDomain: 'example.internal',
    agent: (name: string) => (tree[name] ?? null) as AgentRecord | null,
  };
  return createFlowGuard({ rules: () => rules, memory: memoryFlow(steppedClock(0)), view });
}

const use = { at: 0, agent: 'a', server: 'files', method: 'tools/call', target: 'read', exchange: 'e' };

function used(guard: FlowGuard, acting: Acting): string {
  const recalled = guard.recall(acting, callsOf('x')) as Recalled;
  return recalled.labels.join();
}

test('A6 people are kept apart by their tokens, and a call without one hides behind nobody (attack: leave the token out)', () => {
  const guard = guardOf();
  void guard.remember({ standing: bot, grant: tokenOf('alice') }, ['private'], use);
  assert.equal(used(guard, { standing: bot, grant: tokenOf('alice') }), 'private');
  assert.equal(used(guard, { standing: bot, grant: tokenOf('bob') }), '');
  assert.equal(used(guard, { standing: bot, grant: null }), 'private');
  assert.equal(
    used(guard, { standing: bot, grant: tokenOf(null) }),
    'private',
    'a token of a client for itself',
  );
  void guard.remember({ standing: bot, grant: null }, ['untrusted'], use);
  assert.equal(used(guard, { standing: bot, grant: tokenOf('bob') }), 'untrusted');
  assert.equal(used(guard, { standing: clerk, grant: tokenOf('alice') }), '');
});

test('A6 people are kept together where the rules say so', () => {
  const guard = guardOf(rulesWith('agent'));
  void guard.remember({ standing: bot, grant: tokenOf('alice') }, ['private'], use);
  assert.equal(used(guard, { standing: bot, grant: tokenOf('bob') }), 'private');
});

test('A6 whom an agent enrolled, and whom those enrolled, are one with it (attack: a new agent for each step)', () => {
  const guard = guardOf();
  void guard.remember({ standing: two, grant: null }, ['private'], use);
  assert.equal(used(guard, { standing: bot, grant: null }), 'private');
});

test('A6 an agent that acts in the name of others by its token shares with all of them (attack: delegate the second step)', () => {
  const guard = guardOf();
  const delegated = tokenOf(
    'alice',
    'spiffe://example.internal/agent/clerk',
    'spiffe://example.internal/agent/bot--one',
    'a-client',
    'spiffe://acme.example/agent/x',
  );
  void guard.remember({ standing: bot, grant: tokenOf('alice') }, ['private'], use);
  assert.equal(used(guard, { standing: clerk, grant: delegated }), 'private', 'what its principal had used');
  void guard.remember({ standing: clerk, grant: delegated }, ['untrusted'], use);
  assert.equal(
    used(guard, { standing: bot, grant: tokenOf('alice') }),
    'private,untrusted',
    'what comes back',
  );
});

test('A6 where nothing has a label nothing is remembered, and nothing is looked up', () => {
  const guard = guardOf(null);
  assert.equal(guard.labelsAt('files'), null);
  void guard.remember({ standing: bot, grant: null }, ['private'], use);
  assert.equal(used(guard, { standing: bot, grant: null }), '');
});
