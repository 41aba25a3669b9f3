import assert from 'node:assert/strict';
import { test } from 'node:test';
import { steppedClock } from '../../kernel/clock.ts';
import type { PartnerRecord } from '../../identity/partner-record.ts';
import { createPartnerDirectory } from './partner-directory.ts';
import { createRegistryView } from './registry-view.ts';

const acme: PartnerRecord = {
  name: 'acme',
  trustDomain: 'acme.example',
  authorities: [],
  mappings: [{ pattern: '/agent/ci-*', roles: ['builder'] }],
  maximumLife: 1,
  source: null,
  trustedFor: 1,
  sequence: null,
  refreshHint: null,
  addedAt: 5,
  readAt: 5,
};
const one = 'spiffe://acme.example/agent/ci-1';
const two = 'spiffe://acme.example/agent/ci-2';

test('I11 what a caller of a partner is stays the same object until the partner changes', () => {
  const directory = createPartnerDirectory();
  directory.put('acme', acme);
  const agent = directory.agent(one);
  assert.deepEqual([agent?.name, agent?.owner, agent?.roles], [one, 'partner/acme', ['builder']]);
  assert.equal(directory.agent(one), agent);
  directory.put('acme', { ...acme, mappings: [{ pattern: '/agent/*', roles: ['guest'] }] });
  assert.deepEqual(directory.agent(one)?.roles, ['guest']);
  assert.equal(directory.agent('spiffe://acme.example/other'), null);
  assert.equal(directory.agent('spiffe://acme.example.evil/agent/ci-1'), null);
});

test('I11 tells once whom a change left without anything', () => {
  const directory = createPartnerDirectory();
  directory.put('acme', acme);
  directory.agent(one);
  directory.agent(two);
  directory.put('acme', { ...acme, mappings: [{ pattern: '/agent/ci-1', roles: [] }] });
  assert.deepEqual(directory.takeLost(), [two]);
  assert.deepEqual(directory.takeLost(), []);
  directory.agent(one);
  directory.put('acme', null);
  assert.deepEqual(directory.takeLost(), [one]);
});

test('I11 a partner that changes its trust domain leaves nobody behind in the old one', () => {
  const directory = createPartnerDirectory();
  directory.put('acme', acme);
  directory.put('acme', { ...acme, trustDomain: 'new.example' });
  assert.equal(directory.of('acme.example'), null);
  assert.equal(directory.agent(one), null);
  assert.equal(directory.of('new.example')?.name, 'acme');
});

test('I11 a view hears of partners by changes and by snapshots, and an older authority has none', () => {
  const view = createRegistryView({
    trustDomain: 'example.internal',
    clock: steppedClock(0),
    staleness: 1_000,
  });
  const registry = { sequence: 1, certificates: [], agents: [], servers: [] };
  view.apply({ type: 'snapshot', registry: { ...registry, partners: [acme] }, policies: [] });
  assert.equal(view.identity.partner('acme.example'), acme);
  assert.deepEqual(view.identity.agent(one)?.roles, ['builder']);
  view.apply({ type: 'change', change: { sequence: 2, kind: 'partner', key: 'acme', value: null } });
  assert.equal(view.identity.agent(one), null);
  view.apply({ type: 'change', change: { sequence: 3, kind: 'partner', key: 'acme', value: acme } });
  view.apply({ type: 'snapshot', registry, policies: [] });
  assert.equal(view.identity.partner('acme.example'), null);
});
