import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as once } from 'node:timers/promises';
import { createKeyStore } from '../../src/bridge/key-store.ts';
import { enrolSubAgent } from '../../src/bridge/enrol-sub-agent.ts';
import { findOperation } from '../../src/app/admin/operations.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { openRawSession } from '../../tour/raw-request.ts';
import { openTown, type Presentable, type Town, until } from './deployment.ts';
import { openLegacyServer } from './mcp-servers.ts';

const words = { reason: 'test', actor: 'test' };

async function below(town: Town, folder: string, parent: string, name: string): Promise<Presentable> {
  const { folder: made, serial } = await enrolSubAgent({
    authority: town.authorityUrl,
    parentFolder: join(folder, parent),
    folderOf: (agent) => join(folder, agent),
    name,
    purpose: 'helps',
    roles: ['reader'],
    clock: systemClock,
  });
  const stored = await createKeyStore(made, systemClock).load();
  assert.ok(stored?.roots);
  return { ca: stored.roots, cert: stored.certificate, key: stored.key, serial };
}

async function keep(folder: string, name: string, { cert, key, ca }: Presentable): Promise<void> {
  await mkdir(join(folder, name), { mode: 0o700 });
  await writeFile(join(folder, name, 'certificate.pem'), cert, { mode: 0o600 });
  await writeFile(join(folder, name, 'key.pem'), key, { mode: 0o600 });
  await writeFile(join(folder, name, 'root.pem'), ca, { mode: 0o600 });
}

test('I7 I12 who is below an agent stands and falls with it: suspended, resumed, revoked as a tree within a second', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-below-'));
  try {
    await using old = await openLegacyServer();
    await using town = await openTown({}, { authority: { subAgents: 2 } });
    await town.addHttpServer('old', old.url);
    await town.addAgent('ci-bot', ['reader', 'builder']);
    await town.permit('permit (principal in Role::"reader", action, resource);');
    await keep(folder, 'ci-bot', await town.issue('ci-bot'));
    await below(town, folder, 'ci-bot', 'fetch');
    const shown = await below(town, folder, 'ci-bot--fetch', 'parse');
    await until(() => town.gateway.view.identity.agent('ci-bot--fetch--parse') !== null);
    const session = await openRawSession(town.endpoint('old'), shown);
    assert.equal((await session.ping()).status, 200);

    const { authority } = town.deployment;
    await authority.changeAgentState('ci-bot', 'suspended', 'test');
    while ((await session.ping()).status === 200) await once(1);
    await assert.rejects(below(town, folder, 'ci-bot', 'fetch'), { code: 'agent_inactive' });
    await authority.changeAgentState('ci-bot', 'active', 'test');
    await until(() => town.gateway.view.identity.agent('ci-bot')?.state === 'active');

    const again = await openRawSession(town.endpoint('old'), shown);
    assert.equal((await again.ping()).status, 200);
    const actor = { name: 'test', way: 'local' } as const;
    assert.deepEqual(await findOperation('agent.tree').run(authority, { name: 'ci-bot' }, actor), {
      agents: ['ci-bot', 'ci-bot--fetch', 'ci-bot--fetch--parse'],
    });
    const began = performance.now();
    const { agents, revoked } = await authority.revocations.below('ci-bot', words);
    await again.streamCut;
    assert.notEqual((await again.ping()).status, 200);
    assert.ok(performance.now() - began < 1_000);
    assert.deepEqual(agents, ['ci-bot--fetch', 'ci-bot--fetch--parse']);
    assert.equal(revoked.length, 2);
    const live = (name: string) => authority.store.certificates.list({ name, state: 'issued' });
    assert.equal((await live('ci-bot')).length, 1);
    await assert.rejects(below(town, folder, 'ci-bot--fetch', 'parse'), { code: 'certificate_revoked' });

    await below(town, folder, 'ci-bot', 'fetch');
    const all = await authority.revocations.agent('ci-bot', words);
    assert.equal(all.revoked.length, 2);
    // What people granted it ends as well, though all its certificates were ephemeral.
    const names = { jti: 'a', gid: null, sub: 'o', agent: 'spiffe://example.internal/agent/ci-bot--fetch' };
    await until(() => town.gateway.view.ended.isEnded({ ...names, issuedAt: Date.now() - 60_000 }));
    assert.deepEqual(await live('ci-bot'), []);
    session.close();
    again.close();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('I12 no agent enrols another one unless the configuration says how many', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-below-'));
  try {
    await using town = await openTown();
    await town.addAgent('ci-bot', ['reader']);
    await keep(folder, 'ci-bot', await town.issue('ci-bot'));
    await assert.rejects(below(town, folder, 'ci-bot', 'fetch'), { code: 'sub_agent_refused' });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
