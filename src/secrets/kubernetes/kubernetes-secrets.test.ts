import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createFixtureAuthority } from '../../http/tls.fixture.ts';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { createKubernetesSecrets } from './kubernetes-secrets.ts';

// No API server is to be had as a package here: this one follows the Kubernetes API reference (Secret v1 core, Status v1).
const canary = 'canary-secret-in-kubernetes';
const authority = createFixtureAuthority('Cluster Root');
const shown = authority.issue({ commonName: 'localhost', purpose: 'server' });

interface Cluster extends AsyncDisposable {
  readonly address: string;
  readonly folder: string;
  readonly asked: { readonly path: string; readonly authorization: string }[];
  answer: { readonly status: number; readonly body: string } | null;
  readonly learnt: string[];
}

function secret(data: JsonObject, more: JsonObject = {}): string {
  const metadata = { name: 'github', namespace: 'agents', uid: '1', resourceVersion: '1' };
  return JSON.stringify({ kind: 'Secret', apiVersion: 'v1', metadata, type: 'Opaque', data, ...more });
}

function status(code: number, reason: string): { status: number; body: string } {
  const body = { kind: 'Status', apiVersion: 'v1', status: 'Failure', message: canary, reason, code };
  return { status: code, body: JSON.stringify(body) };
}

async function openCluster(): Promise<Cluster> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-cluster-'));
  await writeFile(join(folder, 'ca.crt'), authority.certificate);
  await writeFile(join(folder, 'token'), 'token-of-the-pod\n');
  const asked: Cluster['asked'] = [];
  const cluster = { answer: null as Cluster['answer'] };
  const server = createServer({ cert: shown.certificate, key: shown.key }, (request, response) => {
    asked.push({ path: request.url ?? '', authorization: request.headers.authorization ?? '' });
    const given = cluster.answer ?? {
      status: 200,
      body: secret({ token: Buffer.from(canary).toString('base64') }),
    };
    response.writeHead(given.status, { 'content-type': 'application/json' }).end(given.body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(cluster, {
    address: `https://localhost:${(server.address() as AddressInfo).port}`,
    folder,
    asked,
    learnt: [],
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await rm(folder, { recursive: true });
    },
  });
}

const place = { kind: 'k8s', namespace: 'agents', name: 'github', field: 'token' } as const;

async function read(
  cluster: Cluster,
  more: { readonly ca?: string; readonly guarded?: boolean } = {},
): Promise<string> {
  await using holder = createKubernetesSecrets({
    address: cluster.address,
    authorities: more.ca ?? join(cluster.folder, 'ca.crt'),
    addresses: more.guarded ? 'public-only' : 'any',
    tokenFile: join(cluster.folder, 'token'),
    learn: (token) => cluster.learnt.push(token),
  });
  const { fields, lease } = await holder.read(place, AbortSignal.timeout(5_000));
  assert.equal(lease, null);
  return [...fields].map(([name, value]) => `${name}=${value}`).join();
}

test('S1 a secret of Kubernetes is read with the token of the pod as it is now, and by the authority of the cluster alone', async () => {
  await using cluster = await openCluster();
  assert.equal(await read(cluster), `token=${canary}`);
  await writeFile(join(cluster.folder, 'token'), 'token-of-later');
  await read(cluster);
  assert.deepEqual(cluster.asked, [
    { path: '/api/v1/namespaces/agents/secrets/github', authorization: 'Bearer token-of-the-pod' },
    { path: '/api/v1/namespaces/agents/secrets/github', authorization: 'Bearer token-of-later' },
  ]);
  assert.deepEqual(cluster.learnt, ['token-of-the-pod', 'token-of-later']);
  const other = join(cluster.folder, 'other.pem');
  await writeFile(other, createFixtureAuthority('Other Root').certificate);
  await assert.rejects(read(cluster, { ca: other }), { code: 'secret_unresolved' });
  await assert.rejects(read(cluster, { guarded: true }), { code: 'address_refused' });
  assert.equal(cluster.asked.length, 2);
});

test('S1 values that are no text have no field', async () => {
  await using cluster = await openCluster();
  const data = {
    token: Buffer.from('ok').toString('base64'),
    octets: '//4=',
    wrong: 'not base64',
    number: 1,
  };
  cluster.answer = { status: 200, body: secret(data) };
  assert.equal(await read(cluster), 'token=ok');
});

for (const [what, answer, code] of [
  ['refuses the token', status(401, 'Unauthorized'), 'secret_unresolved'],
  ['permits nothing', status(403, 'Forbidden'), 'secret_unresolved'],
  ['has no such secret', status(404, 'NotFound'), 'secret_unresolved'],
  ['is busy', status(429, 'TooManyRequests'), 'unavailable'],
  ['fails', status(500, 'InternalError'), 'unavailable'],
  ['redirects', { status: 307, body: '' }, 'unavailable'],
  ['answers with no JSON', { status: 200, body: `<html>${canary}` }, 'unavailable'],
  [
    'gives another secret',
    { status: 200, body: secret({}, { metadata: { name: 'x', namespace: 'agents' } }) },
    'unavailable',
  ],
  ['gives something else', { status: 200, body: secret({}, { kind: 'ConfigMap' }) }, 'unavailable'],
] as const) {
  test(`S1 bad input: an API server that ${what} gives no secret, and nothing that it says is told`, async () => {
    await using cluster = await openCluster();
    cluster.answer = answer;
    await assert.rejects(read(cluster), (error) => {
      assert.ok(error instanceof Fault && !error.message.includes(canary));
      assert.equal(error.code, code);
      return true;
    });
  });
}
