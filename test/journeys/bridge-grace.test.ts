import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { startBridge } from '../../src/bridge/bridge.ts';
import type { RunningBridge } from '../../src/bridge/open-face.ts';
import { createKeyStore } from '../../src/bridge/key-store.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { openTown, type Town } from './deployment.ts';
import { textOf } from './mcp-clients.ts';
import { openLegacyServer } from './mcp-servers.ts';
import { mint } from './mint.ts';

const minute = 60_000;

/** A bridge whose stored certificate ended a while ago. */
async function awaken(town: Town, folder: string, minutesAgo: number): Promise<RunningBridge> {
  const notAfter = Math.floor(Date.now() / 1_000) * 1_000 - minutesAgo * minute;
  const ended = await mint(town, { changes: { notBefore: notAfter - 60 * minute, notAfter } });
  const store = createKeyStore(folder, systemClock);
  await store.prepare(ended.key);
  await store.commit(ended.cert, ended.ca);
  return await startBridge({
    gateway: town.endpoint('old'),
    authority: town.authorityUrl,
    agent: 'ci-bot',
    joinToken: null,
    authorityFile: null,
    rootFingerprint: null,
    stateFolder: folder,
    environment: {},
    face: { kind: 'http', port: 0 },
    clock: systemClock,
    log: () => undefined,
  });
}

test('I6 a bridge on a machine that slept past the end of its certificate goes on within the grace, and not beyond it', async () => {
  await using opened = new AsyncDisposableStack();
  const old = opened.use(await openLegacyServer());
  const town = opened.use(await openTown({}, { authority: { renewalGraceMinutes: 120 } }));
  await town.addHttpServer('old', old.url);
  await town.addAgent('ci-bot');
  await town.permit('permit (principal, action, resource);');
  const folder = await mkdtemp(join(tmpdir(), 'countersign-grace-'));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  const bridge = opened.use(await awaken(town, join(folder, 'slept'), 60));
  assert.ok(bridge.face.kind === 'http');
  const client = new Client({ name: 'v1', version: '1' });
  await client.connect(new StreamableHTTPClientTransport(new URL(bridge.face.url)));
  assert.equal(textOf(await client.callTool({ name: 'echo', arguments: { message: 'x' } })), 'legacy x');
  await client.close();
  await assert.rejects(awaken(town, join(folder, 'too-long'), 121), { code: 'certificate_expired' });
});
