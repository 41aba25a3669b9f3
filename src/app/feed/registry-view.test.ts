import assert from 'node:assert/strict';
import { test } from 'node:test';
import { steppedClock } from '../../kernel/clock.ts';
import type { AgentRecord } from '../../identity/agent-record.ts';
import type { CertificateStanding, Change } from '../store/change-feed.ts';
import { createRegistryView, type RegistryView } from './registry-view.ts';

const hour = 60 * 60_000;

function opened() {
  const clock = steppedClock(Date.UTC(2026, 10, 24));
  const back: (readonly [number, number])[] = [];
  const view = createRegistryView({
    trustDomain: 'example.internal',
    clock,
    staleness: 5_000,
    onWentBack: (from, to) => back.push([from, to]),
  });
  const standing = (state: 'issued' | 'revoked'): CertificateStanding => ({
    serial: '01',
    name: 'ci-bot',
    kind: 'agent',
    state,
    notAfter: clock.now() + hour,
    thumbprint: 't',
  });
  const agent = (state: AgentRecord['state']): AgentRecord => ({
    name: 'kiosk',
    owner: 'o',
    purpose: 'p',
    roles: [],
    buildDigest: null,
    device: null,
    state,
    createdAt: 0,
    lastSeen: null,
  });
  const snapshot = (sequence: number, state: 'issued' | 'revoked', kiosk: AgentRecord['state']): void =>
    view.apply({
      type: 'snapshot',
      registry: { sequence, certificates: [standing(state)], agents: [agent(kiosk)], servers: [] },
      policies: [],
    });
  const change = (value: Change): void => view.apply({ type: 'change', change: value });
  return { clock, back, view, standing, agent, snapshot, change };
}

const standingIn = (view: RegistryView): readonly unknown[] => [
  view.identity.serialStatus('01', 't'),
  view.identity.agent('kiosk')?.state,
];

test('I9 a gateway whose authority was put back goes on refusing whom it refused, until it hears a change', () => {
  const { back, view, standing, agent, snapshot, change } = opened();
  snapshot(10, 'issued', 'active');
  change({ sequence: 11, kind: 'certificate', key: '01', value: standing('revoked') });
  change({ sequence: 12, kind: 'agent', key: 'kiosk', value: agent('suspended') });
  snapshot(10, 'issued', 'active');
  assert.deepEqual(back, [[12, 10]]);
  assert.deepEqual(standingIn(view), ['revoked', 'suspended']);
  snapshot(20, 'issued', 'active');
  assert.deepEqual(standingIn(view), ['revoked', 'suspended'], 'a new connection brings nothing back');
  change({ sequence: 21, kind: 'certificate', key: '01', value: standing('issued') });
  change({ sequence: 22, kind: 'agent', key: 'kiosk', value: agent('active') });
  assert.deepEqual(standingIn(view), ['good', 'active']);
  snapshot(22, 'issued', 'active');
  assert.deepEqual(standingIn(view), ['good', 'active']);
  assert.equal(view.timesWentBack(), 1);
});

test('I9 I11 a partner that was withdrawn does not come back with an older registry', () => {
  const { view } = opened();
  const partner = {
    name: 'acme',
    trustDomain: 'acme.example',
    authorities: [],
    mappings: [],
    maximumLife: hour,
    source: null,
    trustedFor: hour,
    sequence: null,
    refreshHint: null,
    addedAt: 0,
    readAt: 0,
  };
  const snapshot = (sequence: number): void =>
    view.apply({
      type: 'snapshot',
      registry: { sequence, certificates: [], agents: [], servers: [], partners: [partner] },
      policies: [],
    });
  const known = (): boolean => view.identity.partner('acme.example') !== null;
  snapshot(10);
  assert.ok(known());
  view.apply({ type: 'change', change: { sequence: 11, kind: 'partner', key: 'acme', value: null } });
  snapshot(10);
  assert.ok(!known());
  view.apply({ type: 'change', change: { sequence: 12, kind: 'partner', key: 'acme', value: partner } });
  assert.ok(known());
});

test('I9 a snapshot that is not older says what holds, and what has ended is not kept', () => {
  const { clock, back, view, snapshot } = opened();
  snapshot(10, 'revoked', 'suspended');
  snapshot(10, 'issued', 'active');
  assert.deepEqual(standingIn(view), ['good', 'active'], 'reinstated while the gateway was away');
  snapshot(11, 'revoked', 'active');
  snapshot(5, 'issued', 'active');
  assert.equal(view.identity.serialStatus('01', 't'), 'revoked');
  clock.advance(2 * hour);
  snapshot(6, 'issued', 'active');
  assert.equal(view.identity.serialStatus('01', 't'), 'good', 'its end is a matter of the check on validity');
  assert.equal(back.length, 1);
});

test('T1 a view knows how far a clock is behind what its authority said and what has gone by since, and nothing of one ahead', () => {
  const { clock, view } = opened();
  assert.equal(view.identity.behind(clock.now()), 0, 'nothing was said yet');
  const time = clock.now() + 90_000;
  view.apply({ type: 'heartbeat', stamp: { of: 'one', at: 5, time } });
  assert.equal(view.identity.behind(clock.now()), 90_000);
  // The monotonic clock goes on although the time of day stands still.
  const stands = clock.now();
  clock.advance(10_000);
  assert.equal(view.identity.behind(stands), 100_000);
  assert.equal(view.identity.behind(time + 60_000), 0);
});

test('S3 certificates that have ended are forgotten, however many of those that live long came before them', () => {
  const { clock, view, standing } = opened();
  const certificate = (serial: string, life: number): CertificateStanding => ({
    ...standing('issued'),
    serial,
    notAfter: clock.now() + life,
  });
  const certificates = Array.from({ length: 50 }, (_, at) => certificate(`long-${at}`, 1_000 * hour));
  const registry = { sequence: 1, certificates, agents: [], servers: [] };
  view.apply({ type: 'snapshot', registry, policies: [] });
  for (let at = 0; at < 1_000; at += 1) {
    const value = certificate(`short-${at}`, hour / 4);
    view.apply({
      type: 'change',
      change: { sequence: 2 + at, kind: 'certificate', key: value.serial, value },
    });
    clock.advance(hour / 60);
  }
  const known = (name: string, count: number): number =>
    Array.from({ length: count }, (_, at) => view.identity.profileOf(`${name}-${at}`)).filter(Boolean).length;
  assert.equal(known('long', 50), 50);
  // A quarter of an hour in force and ten minutes beyond make 25 that have to be known; a round takes some changes more.
  assert.ok(known('short', 1_000) < 50, `${known('short', 1_000)} are known`);
});
