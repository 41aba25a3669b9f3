import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SubAgentRecords } from '../../src/enrol/sub-agent/sub-agent-records.ts';
import type { AgentRecord } from '../../src/identity/agent-record.ts';
import { isFault } from './is-fault.ts';

const below = (name: string, more: Partial<AgentRecord> = {}) => ({
  name,
  owner: 'alice@example.com',
  purpose: 'p',
  roles: ['reader'],
  buildDigest: null,
  device: null,
  state: 'active' as const,
  createdAt: 1,
  lastSeen: null,
  parent: 'ci-bot',
  ...more,
});

/** What every store of agents below agents keeps to. The factory gives a fresh, empty one for the length of `use`. */
export function subAgentRecordsContract(
  adapter: string,
  withAgents: (use: (agents: SubAgentRecords) => Promise<void>) => Promise<void>,
): void {
  const specify = (title: string, use: (agents: SubAgentRecords) => Promise<void>): void => {
    test(`${adapter}: ${title}`, () => withAgents(use));
  };

  specify('I12 an agent has so many below it and no more, however many ask at once', async (agents) => {
    const names = Array.from({ length: 20 }, (_, at) => `ci-bot--${at}`);
    const added = await Promise.all(names.map((name) => agents.addBelow(below(name), 5)));
    assert.equal(added.filter(Boolean).length, 5);
    assert.equal(await agents.addBelow(below('other--1', { parent: 'other' }), 1), true);
  });
  specify('I12 one that is retired counts no more, and its name is taken all the same', async (agents) => {
    await agents.addBelow(below('ci-bot--a', { state: 'retired' }), 1);
    assert.equal(await agents.addBelow(below('ci-bot--b'), 1), true);
    await assert.rejects(agents.addBelow(below('ci-bot--a'), 9), isFault('conflict'));
  });
  specify('I12 what is registered is found, with its parent, and gets other roles', async (agents) => {
    await agents.addBelow(below('ci-bot--a'), 1);
    assert.deepEqual(await agents.find('ci-bot--a'), below('ci-bot--a'));
    assert.deepEqual((await agents.change('ci-bot--a', { roles: [] })).roles, []);
    assert.deepEqual(await agents.find('ci-bot--a'), below('ci-bot--a', { roles: [] }));
    await assert.rejects(agents.change('nobody', { roles: [] }), isFault('agent_unknown'));
  });
}
