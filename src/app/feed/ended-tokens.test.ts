import assert from 'node:assert/strict';
import { test } from 'node:test';
import { steppedClock } from '../../kernel/clock.ts';
import type { TokenEndKind } from '../../oauth/server/oauth-records.ts';
import { EndedTokens } from './ended-tokens.ts';
import { createRegistryView } from './registry-view.ts';

const token = { jti: 't', gid: 'g', sub: 'ada', agent: 'spiffe://d/agent/a', issuedAt: 10_000 };
const end = (kind: TokenEndKind, key: string, before = 10_000, until = 400_000) => ({
  kind,
  key,
  before,
  until,
});

test('O8 a token is ended by itself, by its grant, by its person and by its agent, and by nothing else', () => {
  const named = [end('token', 't'), end('grant', 'g'), end('person', 'ada'), end('agent', token.agent)];
  for (const each of named) {
    const ended = new EndedTokens();
    assert.equal(ended.isEnded(token), false);
    ended.add(each, 0);
    assert.equal(ended.isEnded(token), true, each.kind);
    assert.equal(ended.isEnded({ ...token, issuedAt: 11_000 }), false, 'issued later');
  }
  const ended = new EndedTokens();
  for (const { kind } of named) ended.add(end(kind, 'other'), 0);
  ended.add(end('token', 'g'), 0);
  ended.add(end('grant', 't'), 0);
  assert.equal(ended.isEnded(token), false);
  assert.equal(ended.isEnded({ ...token, gid: null, jti: 'g' }), true);
});

test('O8 an end is never taken back, and forgotten when no token can meet it', () => {
  const ended = new EndedTokens();
  ended.add(end('grant', 'g', 12_000), 0);
  ended.add(end('grant', 'g', 5_000), 0);
  assert.equal(ended.isEnded(token), true);
  ended.add(end('grant', 'other'), 400_001);
  assert.equal(ended.isEnded(token), false);
});

test('O1, O8 gateways learn from the feed whose tokens count and which were ended, and keep to it when the authority goes back', () => {
  const clock = steppedClock(20_000);
  const view = createRegistryView({ trustDomain: 'd', clock, staleness: 5_000 });
  const registry = { sequence: 5, certificates: [], agents: [], servers: [] };
  const trust = { roots: '', issuer: '' };
  const tokens = { issuer: 'https://a.example', keys: [{ kid: 'k' }] };
  view.apply({ type: 'snapshot', registry, policies: [], trust });
  assert.equal(view.tokens(), null);
  view.apply({ type: 'heartbeat', trust: { ...trust, tokens } });
  assert.deepEqual(view.tokens(), tokens);
  view.apply({ type: 'heartbeat' });
  assert.deepEqual(view.tokens(), tokens);
  assert.equal(view.ended.isEnded(token), false);
  const change = { sequence: 6, kind: 'token-end', key: 'grant g', value: end('grant', 'g') } as const;
  view.apply({ type: 'change', change });
  assert.equal(view.ended.isEnded(token), true);
  view.apply({ type: 'snapshot', registry, policies: [], trust });
  assert.equal(view.ended.isEnded(token), true);
  const other = createRegistryView({ trustDomain: 'd', clock, staleness: 5_000 });
  other.apply({
    type: 'snapshot',
    registry: { ...registry, tokenEnds: [end('person', 'ada')] },
    policies: [],
    trust: { ...trust, tokens },
  });
  assert.equal(other.ended.isEnded(token), true);
  assert.deepEqual(other.tokens(), tokens);
});
