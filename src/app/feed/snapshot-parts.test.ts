import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AgentRecord } from '../../identity/agent-record.ts';
import type { CertificateStanding } from '../store/change-feed.ts';
import type { FeedMessage } from './feed-message.ts';
import { FeedAssembler, linesOf } from './snapshot-parts.ts';

type Snapshot = FeedMessage & { readonly type: 'snapshot' };

function snapshot(agents: number, certificates: number): Snapshot {
  const agent = (_: unknown, at: number): AgentRecord => ({
    name: `bot-${at}`,
    owner: 'o',
    purpose: 'p',
    roles: [],
    buildDigest: null,
    device: null,
    state: 'active',
    createdAt: 1,
    lastSeen: null,
  });
  const certificate = (_: unknown, at: number): CertificateStanding => ({
    serial: at.toString(16),
    name: `bot-${at}`,
    kind: 'agent',
    state: 'issued',
    notAfter: 2,
    thumbprint: null,
  });
  const registry = {
    sequence: 7,
    agents: Array.from({ length: agents }, agent),
    certificates: Array.from({ length: certificates }, certificate),
    servers: [],
    partners: [],
  };
  return { type: 'snapshot', registry, policies: [{ name: 'a.cedar', text: '' }] };
}

const taken = (lines: readonly string[]): readonly (FeedMessage | null)[] => {
  const assembler = new FeedAssembler();
  return lines.map((line) => assembler.take(JSON.parse(line)));
};

test('I12 a registry of any size comes whole, and counts when its last part is there', () => {
  for (const [agents, certificates, lines] of [
    [0, 0, 1],
    [1_000, 1_000, 1],
    [1_001, 3, 3],
    [2_500, 6_000, 7],
  ] as const) {
    const sent = snapshot(agents, certificates);
    const written = [...linesOf(sent)];
    assert.equal(written.length, lines);
    assert.ok(written.every((line) => line.length < 1_000_000));
    const heard = taken(written);
    assert.ok(heard.slice(0, -1).every((message) => message === null));
    assert.deepEqual(heard.at(-1), sent);
  }
});

test('I12 what is no part comes as it is, before and behind a registry in parts', () => {
  const heartbeat = JSON.stringify({ type: 'heartbeat' });
  const heard = taken([heartbeat, ...linesOf(snapshot(2_000, 0)), heartbeat, ...linesOf(snapshot(3, 3))]);
  assert.deepEqual(
    heard.map((message) => message?.type ?? null),
    ['heartbeat', null, null, 'snapshot', 'heartbeat', 'snapshot'],
  );
});

test('bad input: a part that is missing, comes twice or comes from nowhere ends the feed', () => {
  const [head = '', one = '', two = '', three = ''] = linesOf(snapshot(3_000, 0));
  const refused = { code: 'invalid_input' };
  assert.throws(() => taken([head, two]), refused);
  assert.throws(() => taken([head, one, one]), refused);
  assert.throws(() => taken([one]), refused);
  assert.throws(() => taken([head, one, JSON.stringify({ type: 'heartbeat' })]), refused);
  assert.throws(() => taken([head, one, two, three, three]), refused);
});
