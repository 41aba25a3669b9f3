import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { linesOf } from '../../src/audit/log.fixture.ts';
import { openTown, until } from './deployment.ts';
import { type ExportReceiver, openExportReceiver, receiverSecret } from './export-receiver.ts';
import { openKeyServer } from './key-server.ts';
import { modernClient, mutualFetch, textOf } from './mcp-clients.ts';

const canary = 'canary-key-of-the-exported-0';

/** A town that exports to the receiver, with a server that needs a secret, and a client of it. */
async function openExportingTown(opened: AsyncDisposableStack, receiver: ExportReceiver) {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-export-'));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  const secret = join(folder, 'secret');
  const key = join(folder, 'key');
  await writeFile(secret, receiverSecret, { mode: 0o600 });
  await writeFile(key, canary, { mode: 0o600 });
  const exports = `destinations:
  - { name: siem, kind: webhook, url: "${receiver.url}", secret: "file:${secret}", seconds: 0 }
`;
  const town = opened.use(await openTown({}, { exports }));
  const server = opened.use(await openKeyServer(canary));
  await town.addServer({
    name: 'github',
    transport: 'http',
    era: 'modern',
    url: server.url,
    headers: { authorization: `Bearer \${file:${key}}` },
  });
  await town.addAgent('ci-bot');
  await town.permit('permit (principal, action, resource);');
  const fetch = opened.use(mutualFetch(await town.issue('ci-bot')));
  const client = await modernClient(town.endpoint('github'), fetch);
  opened.defer(() => client.close());
  const call = async (name = 'work'): Promise<string> =>
    textOf(await client.callTool({ name, arguments: {} }));
  return { town, call };
}

test('S4 the logs of the authority and of the gateway reach a receiver as they were written, without what was cut out of them', async () => {
  await using opened = new AsyncDisposableStack();
  const receiver = opened.use(await openExportReceiver());
  const { town, call } = await openExportingTown(opened, receiver);
  assert.equal(await call(), 'done with key 0');
  await call(`tool-${canary}`).catch(() => undefined);
  await town.gateway.audit.checkpoint();
  await until(() => receiver.bodies.some((body) => body.includes('tool-[secret]')));
  await town.deployment.authority.audit.checkpoint();
  for (const folder of [town.data.gatewayLog, town.data.authorityLog]) {
    const lines = await linesOf(folder);
    await until(() => lines.every((line) => receiver.bodies.some((body) => body.includes(line))));
  }
  assert.ok(receiver.bodies.every((body) => !body.includes(canary)));
  const logs = new Set(receiver.entries.map(({ id }) => id.split('#')[0]));
  assert.deepEqual(logs, new Set(['example.internal/authority', 'example.internal/gateway']));
});

test('S4 a receiver that never answers holds no call up, and health says that it is behind', async () => {
  await using opened = new AsyncDisposableStack();
  const receiver = opened.use(await openExportReceiver());
  receiver.answer = () => 'never';
  const { town, call } = await openExportingTown(opened, receiver);
  await until(() => receiver.bodies.length > 0);
  for (let at = 0; at < 20; at++) assert.equal(await call(), 'done with key 0');
  await town.gateway.audit.checkpoint();
  await until(() => town.gateway.kept.exports.status().every(({ lagEntries }) => lagEntries > 0));
  const ops = town.deployment.listeners['ops']?.url ?? '';
  const ready = await fetch(`${ops}/readyz`);
  assert.equal(ready.status, 200);
  const { parts } = (await ready.json()) as { parts: Record<string, unknown> };
  assert.ok('export siem of example.internal/gateway' in parts);
  const metrics = await (await fetch(`${ops}/metrics`)).text();
  assert.match(
    metrics,
    /countersign_export_lag_entries\{destination="siem",log="example.internal\/gateway"\} [1-9]/,
  );
  assert.match(
    metrics,
    /countersign_export_taken_total\{destination="siem",log="example.internal\/gateway"\} 0/,
  );
});
