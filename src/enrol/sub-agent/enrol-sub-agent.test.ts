import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type MemoryAuthority, memoryAuthority } from '../../ca/memory-authority.ts';
import { freshKey } from '../../ca/specimen-request.ts';
import type { AgentRecord } from '../../identity/agent-record.ts';
import { readCertificate } from '../../x509/certificate.ts';
import { decodePem, encodePem } from '../../x509/pem.ts';
import { buildRequest } from '../../x509/request.ts';
import { enrolSubAgent, type SubAgentOrder } from './enrol-sub-agent.ts';
import { memorySubAgents } from './memory-sub-agents.ts';

const minute = 60_000;
const csr = (commonName: string | null = null): string =>
  encodePem('CERTIFICATE REQUEST', buildRequest(freshKey(), { commonName }));

function place(most = 2) {
  const ca: MemoryAuthority = memoryAuthority();
  const agents = memorySubAgents();
  const add = (name: string, more: Partial<AgentRecord> = {}): void =>
    void agents.records.set(name, {
      name,
      owner: 'alice@example.com',
      purpose: 'p',
      roles: ['builder', 'reader'],
      buildDigest: null,
      device: 'C02',
      state: 'active',
      createdAt: 1,
      lastSeen: null,
      ...more,
    });
  add('ci-bot');
  const door = { agents, audit: ca.audit, clock: ca.clock, most };
  return {
    ca,
    agents,
    add,
    ask(more: Partial<SubAgentOrder> = {}, holder: Partial<SubAgentOrder['holder']> = {}) {
      const held = { serial: 'aa', name: 'ci-bot', notAfter: ca.clock.now() + 60 * minute, ...holder };
      const order = { name: 'fetch', purpose: 'fetches', roles: ['reader'], csr: csr(), address: '::1' };
      return enrolSubAgent({ ...order, holder: held, ...more }, ca, door);
    },
  };
}

const refusal = { code: 'sub_agent_refused' };

describe('I12 an agent enrols an agent below itself', () => {
  test('which gets a certificate of minutes, its owner and device, and the roles that were asked for', async () => {
    const { ask, agents, ca } = place();
    const { spiffeId, certificate } = await ask();
    assert.equal(spiffeId, 'spiffe://example.internal/agent/ci-bot--fetch');
    const [der = new Uint8Array()] = decodePem(certificate, 'CERTIFICATE');
    assert.equal(readCertificate(der).notAfter, ca.clock.now() + 10 * minute);
    const { owner, device, roles, parent } = agents.records.get('ci-bot--fetch') ?? {};
    assert.deepEqual(
      { owner, device, roles, parent },
      {
        owner: 'alice@example.com',
        device: 'C02',
        roles: ['reader'],
        parent: 'ci-bot',
      },
    );
    const accepted = ca.events.find(({ type }) => type === 'sub-agent.accepted');
    assert.deepEqual([accepted?.['parent'], accepted?.['serial']], ['ci-bot', 'aa']);
  });

  test('whose certificate never outlives the one that asked', async () => {
    const { ask, ca } = place();
    const notAfter = ca.clock.now() + 3 * minute;
    assert.ok((await ask({}, { notAfter })).notAfter <= notAfter);
    await assert.rejects(ask({}, { notAfter: ca.clock.now() + minute - 1 }), refusal);
  });

  test('in no role that it is not in itself, and a second time in those that are asked for then', async () => {
    const { ask, agents } = place();
    await assert.rejects(ask({ roles: ['reader', 'admin'] }), refusal);
    assert.equal(agents.records.has('ci-bot--fetch'), false);
    await ask();
    await ask({ roles: [] });
    assert.deepEqual(agents.records.get('ci-bot--fetch')?.roles, []);
  });

  test('never under the name of somebody else, and in no name that could be one', async () => {
    const { ask, add } = place();
    add('ci-bot--fetch');
    await assert.rejects(ask(), refusal);
    for (const name of ['', 'a--b', '-a', 'a-', 'A', 'a.b', 'a/b', 'x'.repeat(60)]) {
      await assert.rejects(ask({ name }), { code: 'invalid_input' }, name);
    }
    await assert.rejects(ask({ name: 'other', csr: csr('ci-bot') }), { code: 'request_invalid' });
  });

  test('so many and no more, and none where the door is closed', async () => {
    const { ask } = place(1);
    await ask();
    await ask();
    await assert.rejects(ask({ name: 'second' }), refusal);
    await assert.rejects(place(0).ask(), refusal);
  });

  test('three generations deep, and as long as all above it are active', async () => {
    const { ask, agents, add } = place();
    await ask({ name: 'a' });
    await ask({ name: 'b', roles: [] }, { name: 'ci-bot--a' });
    await ask({ name: 'c', roles: [] }, { name: 'ci-bot--a--b' });
    await assert.rejects(ask({ name: 'd', roles: [] }, { name: 'ci-bot--a--b--c' }), refusal);
    add('ci-bot', { state: 'suspended' });
    await assert.rejects(ask({ name: 'c', roles: [] }, { name: 'ci-bot--a--b' }), { code: 'agent_inactive' });
    assert.equal(agents.records.size, 4);
  });

  test('and a refusal is in the log', async () => {
    const { ask, ca } = place(0);
    await assert.rejects(ask(), refusal);
    const refused = ca.events.find(({ type }) => type === 'certificate.refused');
    assert.deepEqual([refused?.['door'], refused?.['name']], ['sub-agent', 'ci-bot--fetch']);
  });
});
