import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import type { TLSSocket } from 'node:tls';
import { test } from 'node:test';
import { createAuthority } from '../../src/ca/create-authority.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { assembleCertificate, buildTbs, signTbs, spkiOf } from '../../src/x509/build-certificate.ts';
import { encodePem } from '../../src/x509/pem.ts';
import { buildRequest } from '../../src/x509/request.ts';
import { readServerDefinition } from '../../src/upstream/server-definition.ts';
import { post } from '../../tour/raw-request.ts';
import { openTown, type Town, until } from './deployment.ts';

/** An MCP server with a certificate of the town's authority, which takes no client but the gateway. */
async function openGuardedServer(town: Town): Promise<AsyncDisposable & { port: number; callers: string[] }> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const names = { dnsNames: ['localhost'], ipAddresses: [] };
  const csr = encodePem('CERTIFICATE REQUEST', buildRequest(privateKey, { commonName: 'files' }, names));
  const order = { name: 'files', kind: 'server', csr, ...names } as const;
  const { certificate: cert, roots: ca } = await town.deployment.authority.issueFor(order, 'test');
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' });
  const callers: string[] = [];
  const server = createServer(
    { cert, key, ca, requestCert: true, rejectUnauthorized: true },
    (request, response) => {
      const uri = (request.socket as TLSSocket).getPeerCertificate().subjectaltname ?? '';
      callers.push(uri);
      request.resume();
      const welcome = uri.includes('URI:spiffe://example.internal/gateway/');
      response.writeHead(welcome ? 200 : 403, { 'content-type': 'application/json' });
      response.end(welcome ? '{"jsonrpc":"2.0","id":1,"result":{"from":"files"}}' : '{}');
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    callers,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

test('T2 a server over HTTPS takes the gateway’s certificate and nobody else’s; a wrong name or root is not spoken to', async () => {
  await using town = await openTown();
  await using server = await openGuardedServer(town);
  const { authority } = town.deployment;
  const root = join(town.data.folder, '..', 'root.pem');
  await writeFile(root, authority.describe().roots);
  const url = `https://localhost:${server.port}/mcp`;
  const definitions = {
    files: { url, tls: { authority: root, presentCertificate: true } },
    bare: { url, tls: { authority: root } },
    misnamed: {
      url,
      tls: { authority: root, presentCertificate: true, serverName: 'mail.example.internal' },
    },
    public: { url, tls: { presentCertificate: true } },
  };
  for (const [name, definition] of Object.entries(definitions)) {
    await authority.putServer(
      readServerDefinition({ name, transport: 'http', tools: 'unpinned', ...definition }),
      false,
    );
    await until(() => town.gateway.view.servers().has(name));
  }
  await town.addAgent('ci-bot');
  await town.permit('permit (principal, action, resource);');
  const shown = await town.issue('ci-bot');
  const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };

  const through = await post(town.endpoint('files'), shown, false, ping, {});
  assert.equal(through.status, 200);
  assert.match(through.body, /"from":"files"/);
  assert.match(server.callers.join(), /gateway\/gateway/);
  for (const name of ['bare', 'misnamed', 'public']) {
    const refused = await post(town.endpoint(name), shown, false, ping, {});
    assert.equal(refused.status, 502, name);
    assert.match(refused.body, /upstream_unreachable/, name);
  }
  assert.equal(server.callers.length, 1);
  // Around the gateway an agent's own certificate opens the connection, and the server sees that it is no gateway.
  const around = await post(`https://localhost:${server.port}/mcp`, shown, false, ping, {});
  assert.equal(around.status, 403);
});

/** A server that Node would take for localhost by its common name, and the root above it. */
async function openUnnamedServer(): Promise<AsyncDisposable & { url: string; roots: string; calls: number }> {
  const { rootCertificate, rootKey } = createAuthority({
    trustDomain: 'example.internal',
    clock: systemClock,
  });
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const tbs = buildTbs(
    {
      serial: '0c0ffee0c0ffee00',
      issuerDer: rootCertificate.subjectDer,
      subject: { commonName: 'localhost' },
      notBefore: Date.now() - 60_000,
      notAfter: Date.now() + 60_000,
      spki: spkiOf(publicKey),
      ca: null,
      keyUsage: ['digitalSignature'],
      extendedKeyUsage: ['serverAuth'],
      uris: [],
      dnsNames: [],
      ipAddresses: [],
      authorityKeyId: rootCertificate.subjectKeyId,
    },
    'ecdsa-with-SHA256',
  );
  const der = assembleCertificate(tbs, 'ecdsa-with-SHA256', signTbs(tbs, rootKey));
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' });
  const opened = { url: '', roots: encodePem('CERTIFICATE', rootCertificate.der), calls: 0 };
  const server = createServer({ cert: encodePem('CERTIFICATE', der), key }, (_request, response) => {
    opened.calls += 1;
    response.end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  opened.url = `https://localhost:${(server.address() as AddressInfo).port}/mcp`;
  return Object.assign(opened, {
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  });
}

test('T2 a server whose certificate has its host in the common name alone is not spoken to (RFC 9525 §2)', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-unnamed-'));
  await using server = await openUnnamedServer();
  try {
    const authority = join(folder, 'root.pem');
    await writeFile(authority, server.roots);
    for (const engine of ['wire', 'node'] as const) {
      await using town = await openTown({}, { engine });
      await town.addServer({ name: 'files', transport: 'http', url: server.url, tls: { authority } });
      await town.addAgent('ci-bot');
      await town.permit('permit (principal, action, resource);');
      const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };
      const refused = await post(town.endpoint('files'), await town.issue('ci-bot'), false, ping, {});
      assert.equal(refused.status, 502, engine);
      assert.match(refused.body, /upstream_unreachable/, engine);
    }
    assert.equal(server.calls, 0);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
