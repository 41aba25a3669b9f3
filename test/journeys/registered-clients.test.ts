import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { exportJWK, SignJWT } from 'jose';
import { openRecordedServer } from '../attacks/recorded-server.ts';
import { openTown, until } from './deployment.ts';
import { type Answered, call } from './token-town.ts';

const mcp = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
const initialize = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'batch', version: '1' } },
});

test('O2, O6 a client of clients.yaml proves itself with a key (RFC 7523), binds its token to another (RFC 9449), and calls with it through an agent', async () => {
  await using town = await openTown();
  await using server = await openRecordedServer();
  await town.addAgent('reader');
  await town.addHttpServer('files', server.url);
  await town.permit(`
    permit (principal, action in Action::"read", resource)
    when { context has client && context.client == "batch" && context.binding == "dpop" };
  `);
  await writeFile(join(town.data.policies, 'tokens.yaml'), 'servers:\n  files:\n    binding: mtls-or-dpop\n');
  const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const proving = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = { ...(await exportJWK(own.publicKey)), kid: 'own', use: 'sig' };
  const jwks = join(town.data.folder, 'batch.jwks');
  await writeFile(jwks, JSON.stringify({ keys: [jwk] }));
  await writeFile(town.data.clients, `clients:\n  - { id: batch, keys: { file: ${jwks} } }\n`);
  const agent = await town.issue('reader');
  const { ca } = agent;
  const now = Math.floor(Date.now() / 1_000);
  const assertion = await new SignJWT({ iss: 'batch', sub: 'batch', jti: randomUUID(), exp: now + 60 })
    .setProtectedHeader({ alg: 'ES256', kid: 'own', typ: 'client-authentication+jwt' })
    .setAudience(town.authorityUrl)
    .sign(own.privateKey);
  const proof = async (htu: string, htm: string, claims: object): Promise<string> =>
    new SignJWT({ jti: randomUUID(), htm, htu, ...claims })
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: await exportJWK(proving.publicKey) })
      .setIssuedAt()
      .sign(proving.privateKey);
  const form = {
    grant_type: 'client_credentials',
    resource: town.endpoint('files'),
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: assertion,
  };
  const endpoint = `${town.authorityUrl}/token`;
  const ask = async () =>
    await call(endpoint, form, { ca, headers: { dpop: await proof(endpoint, 'POST', {}) } });
  const { json, text } = await ask();
  assert.equal(json['token_type'], 'DPoP', text);
  assert.equal((await ask()).status, 401, 'RFC 7523 §3: once');
  const token = String(json['access_token']);

  await until(() => town.gateway.view.tokens() !== null);
  const ath = createHash('sha256').update(token).digest('base64url');
  const at = town.endpoint('files');
  const open = async (headers: Record<string, string>): Promise<Answered> =>
    await call(at, initialize, { as: agent, ca, headers: { ...mcp, ...headers } });
  const shown = async (nonce?: unknown): Promise<Answered> =>
    await open({ authorization: `DPoP ${token}`, dpop: await proof(at, 'POST', { ath, nonce }) });
  const { status, headers } = await shown();
  assert.equal(status, 401, 'RFC 9449 §9: a proof of before');
  const opened = await shown(headers['dpop-nonce']);
  assert.equal(opened.status, 200, opened.text);
  assert.equal((await open({ authorization: `Bearer ${token}` })).status, 401, 'without a proof');
  assert.ok(!JSON.stringify(server.seen.map(({ headers }) => headers)).includes(ath));

  await writeFile(town.data.clients, 'clients: []\n');
  const gone = await ask();
  assert.deepEqual([gone.status, gone.json['error']], [401, 'invalid_client'], 'a client that is taken away');
  const log = await readFile(join(town.data.authorityLog, 'log-00000000000000000000.jsonl'), 'utf8');
  assert.match(log, /"token\.issued".*"client":"batch"|"client":"batch".*"token\.issued"/);
});
