import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readKeyFile } from '../../src/app/authority/signing-key-file.ts';
import { dataFolder } from '../../src/app/authority/data-folder.ts';
import { openTown, until } from './deployment.ts';
import { freshAuthority, passphrase } from './fresh-authority.ts';
import { mutualFetch } from './mcp-clients.ts';
import { isFault } from '../contracts/is-fault.ts';
import { freePort } from '../interop/free-port.ts';
import { run, runHere, start } from './program.ts';

/** The public key of the gateway beside the authority that every test begins with. */
async function writeLogKey(path: string): Promise<void> {
  const key = await readKeyFile(dataFolder(await freshAuthority()).auditKey, passphrase);
  await writeFile(path, createPublicKey(key).export({ type: 'spki', format: 'pem' }));
}

test('S4 a witness in a process of its own signs the log of a gateway, and verifying asks for its signature', async () => {
  await using opened = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'countersign-witness-'));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  const logKey = join(folder, 'log.pem');
  await writeLogKey(logKey);
  const words = ['witness', '--name', 'witness.example.org', '--state', join(folder, 'state')];
  const witness = opened.use(
    await start([...words, '--log', `example.internal/gateway=${logKey}`, '--port', '0']),
  );
  const { listening, key } = witness.first as typeof witness.first & { readonly key: string };
  const exports = `witnesses:
  - { name: other-machine, url: "${listening['witness']}", vkey: "${key}", everySeconds: 0.2 }
`;
  const town = opened.use(await openTown({}, { exports }));
  await until(() => town.gateway.kept.witnesses.status().every(({ at }) => at !== null));
  await town.addAgent('ci-bot');
  const ops = town.deployment.listeners['ops']?.url ?? '';
  const metrics = await (await fetch(`${ops}/metrics`)).text();
  assert.match(metrics, /countersign_witnessed_entries\{witness="other-machine"\} [1-9]/);
  const verify = (more: readonly string[]) => runHere(['audit', 'verify', town.data.gatewayLog, ...more]);
  const signed = await verify(['--key', logKey, '--witness', key]);
  assert.equal(signed.code, 0, signed.stdout);
  assert.match(signed.stdout, /The witness witness\.example\.org signed \d+ of them/);
  // Before anybody had it signed.
  await rm(join(town.data.gatewayLog, 'witnessed'), { recursive: true });
  await witness[Symbol.asyncDispose]();
  await until(() => town.gateway.kept.witnesses.status().every(({ problem }) => problem !== null));
  await rm(join(town.data.gatewayLog, 'witnessed'), { recursive: true, force: true });
  const unsigned = await verify(['--key', logKey, '--witness', key]);
  assert.equal(unsigned.code, 6, unsigned.stdout);
  // It goes on without the witness and says so.
  assert.equal(town.gateway.audit.health().writable, true);
  const events = await town.events();
  assert.ok(events.some(({ type }) => type === 'witness.unreachable'));
});

test('S4 the authority is the witness of a gateway elsewhere, knows its key from the first time on, and of no other gateway', async () => {
  await using opened = new AsyncDisposableStack();
  const town = opened.use(await openTown());
  const { authority } = town.deployment;
  const state = await mkdtemp(join(tmpdir(), 'countersign-gateway-'));
  opened.defer(() => rm(state, { recursive: true, force: true }));
  const order = { name: 'edge', kind: 'gateway', dnsNames: ['localhost'], minutes: 5 } as const;
  const ipAddresses = ['127.0.0.1', '::1'];
  const { token, rootFingerprint } = await authority.createJoinToken({ ...order, ipAddresses }, 'test');
  const { vkey } = authority.witness;
  await mkdir(state, { recursive: true });
  await writeFile(
    join(state, 'audit-export.yaml'),
    `witnesses:
  - { name: authority, url: "${town.authorityUrl}/v1/witness", vkey: "${vkey}", certificate: own, addresses: any, everySeconds: 0.2 }
`,
  );
  const words = ['gateway', '--authority', town.authorityUrl, '--name', 'edge', '--state', state];
  const gateway = opened.use(
    await start([...words, '--ports', 'any', '--ca-fingerprint', rootFingerprint, '--join-token', token]),
  );
  const folder = join(state, 'gateway-log');
  let said = '';
  await until(
    () => said.includes('signed'),
    async () => void (said = (await runHere(['audit', 'verify', folder, '--witness', vkey])).stdout),
  );
  assert.match(said, /The log example\.internal\/gateway\/edge verifies/);
  await gateway[Symbol.asyncDispose]();
  const end = await run(['audit', 'verify', folder, '--witness', vkey]);
  assert.equal(end.code, 0, end.stdout);

  const another = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' });
  const origin = 'example.internal/gateway/edge';
  await assert.rejects(authority.witness.introduce('edge', origin, another), isFault('conflict'));

  // Another gateway, with another key, says that it writes that log.
  const other = await town.issue('thief', 'gateway');
  await using fetch = mutualFetch(other);
  const told = await fetch(`${town.authorityUrl}/v1/witness/logs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ origin, publicKey: another }),
  });
  assert.equal(told.status, 403);
  await told.body?.cancel();
});

test('S4 where a limit says so nothing is let through without the signature of the witness, and everything once it is back', async () => {
  await using opened = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'countersign-witness-'));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  const logKey = join(folder, 'log.pem');
  await writeLogKey(logKey);
  const port = await freePort();
  const words = ['witness', '--name', 'w', '--state', join(folder, 'state'), '--port', String(port)];
  const log = ['--log', `example.internal/gateway=${logKey}`];
  const first = await start([...words, ...log]);
  const { key } = first.first as typeof first.first & { readonly key: string };
  await first[Symbol.asyncDispose]();
  const exports = `witnesses:
  - { name: w, url: "http://127.0.0.1:${port}", vkey: "${key}", everySeconds: 0.2, limitSeconds: 1 }
`;
  const town = opened.use(await openTown({}, { exports }));
  await until(() => !town.gateway.audit.health().writable);
  await assert.rejects(town.gateway.audit.append({ type: 'call.permitted' }), /The witness w has not signed/);
  opened.use(await start([...words, ...log]));
  await until(() => town.gateway.audit.health().writable);
  await town.gateway.audit.append({ type: 'call.permitted' });
});
