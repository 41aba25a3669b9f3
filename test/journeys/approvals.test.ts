import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startBridge } from '../../src/bridge/bridge.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { openTown, until } from './deployment.ts';

test('I3 U2 a bridge waits for an administrator, tells its person so once, and goes on when it is granted', async () => {
  await using town = await openTown();
  await town.addAgent('ci-bot');
  await writeFile(town.data.issuance, 'approvals: [{ doors: [join-token] }]\n');
  const { authority } = town.deployment;
  const order = { name: 'ci-bot', kind: 'agent', dnsNames: [], ipAddresses: [], minutes: 5 } as const;
  const { token } = await authority.createJoinToken(order, 'ada');
  const stateFolder = await mkdtemp(join(tmpdir(), 'countersign-bridge-'));
  const said: string[] = [];
  try {
    const starting = startBridge({
      gateway: town.endpoint('files'),
      authority: town.authorityUrl,
      agent: 'ci-bot',
      joinToken: token,
      authorityFile: null,
      rootFingerprint: authority.describe().rootFingerprint,
      stateFolder,
      environment: {},
      face: { kind: 'http', port: 0 },
      clock: systemClock,
      log: (line) => void said.push(line),
    });
    let id = '';
    await until(
      () => id !== '',
      async () => void (id = (await authority.store.approvals.list())[0]?.id ?? ''),
    );
    await authority.decide(id, { state: 'granted', by: 'grace', reason: null });
    await (await starting)[Symbol.asyncDispose]();
    assert.equal(said.filter((line) => line.includes(`countersign approval grant ${id}`)).length, 1);
    const issued = await authority.store.certificates.list({ name: 'ci-bot' });
    assert.equal(issued.length, 1);
  } finally {
    await rm(stateFolder, { recursive: true, force: true });
  }
});
