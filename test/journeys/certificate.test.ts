import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { Agent, fetch as undiciFetch } from 'undici';
import { readCertificate } from '../../src/x509/certificate.ts';
import { decodePem, encodePem } from '../../src/x509/pem.ts';
import { buildRequest } from '../../src/x509/request.ts';
import { openTown, type Presentable, type Town } from './deployment.ts';
import { legacyClient, mutualFetch, textOf } from './mcp-clients.ts';
import { openLegacyServer } from './mcp-servers.ts';

interface Answer {
  readonly status: number;
  readonly body: { readonly certificate?: string; readonly serial?: string; readonly code?: string };
}

/** One POST to the authority, with a certificate or without. */
async function ask(town: Town, path: string, body: object, shown?: Presentable): Promise<Answer> {
  const { roots } = town.deployment.authority.describe();
  const dispatcher = new Agent({
    connect: { ca: roots, ...(shown && { cert: shown.cert, key: shown.key }) },
  });
  try {
    const response = await undiciFetch(`${town.authorityUrl}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      dispatcher,
    });
    return { status: response.status, body: (await response.json()) as Answer['body'] };
  } finally {
    await dispatcher.destroy();
  }
}

function newRequest(name: string): { key: string; csr: string } {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const csr = encodePem('CERTIFICATE REQUEST', buildRequest(privateKey, { commonName: name }));
  return { key: privateKey.export({ type: 'pkcs8', format: 'pem' }), csr };
}

async function newToken(town: Town): Promise<string> {
  const order = { name: 'ci-bot', kind: 'agent', dnsNames: [], ipAddresses: [], minutes: 5 } as const;
  return (await town.deployment.authority.createJoinToken(order, 'test')).token;
}

test('I3 I6 I7 the life of a certificate: joined, used, renewed with a new key, revoked, dead', async () => {
  await using old = await openLegacyServer();
  await using town = await openTown();
  await town.addHttpServer('old', old.url);
  await town.addAgent('ci-bot');
  await town.permit('permit (principal, action, resource);');
  const call = async (shown: Presentable): Promise<string> => {
    await using fetch = mutualFetch(shown);
    const client = await legacyClient(town.endpoint('old'), fetch);
    const answer = textOf(await client.callTool({ name: 'echo', arguments: { message: 'hi' } }));
    await client.close();
    return answer;
  };
  const held = (answer: Answer, key: string): Presentable => ({
    ca: town.deployment.authority.describe().roots,
    cert: answer.body.certificate ?? '',
    key,
    serial: answer.body.serial ?? '',
  });

  const first = newRequest('ci-bot');
  const joined = await ask(town, '/v1/enrol/join-token', { token: await newToken(town), csr: first.csr });
  assert.equal(joined.status, 200);
  const identity = held(joined, first.key);
  const [der] = decodePem(identity.cert, 'CERTIFICATE');
  assert.ok(der);
  const leaf = readCertificate(der);
  assert.deepEqual(leaf.uris, ['spiffe://example.internal/agent/ci-bot']);
  // An hour, and the minute before that clocks may differ by.
  assert.equal(leaf.notAfter - leaf.notBefore, 61 * 60_000);
  assert.equal(await call(identity), 'legacy hi');

  const sameKey = await ask(town, '/v1/enrol/renew', { csr: first.csr }, identity);
  assert.equal(sameKey.body.code, 'renewal_refused');
  const second = newRequest('ci-bot');
  const renewed = held(await ask(town, '/v1/enrol/renew', { csr: second.csr }, identity), second.key);
  assert.equal(await call(renewed), 'legacy hi');
  assert.equal(await call(identity), 'legacy hi', 'a call in flight may end on the old one');

  await town.deployment.authority.revoke({ name: 'ci-bot', reason: 'test' }, 'test');
  for (const dead of [identity, renewed]) await assert.rejects(call(dead), /revoked/);
  const third = newRequest('ci-bot');
  const refused = await ask(town, '/v1/enrol/renew', { csr: third.csr }, renewed);
  assert.equal(refused.body.code, 'certificate_revoked');

  await town.deployment.authority.changeAgentState('ci-bot', 'retired', 'test');
  await assert.rejects(newToken(town));
});

test('I3 of a hundred redemptions of one token over the network at once exactly one gives a certificate', async () => {
  await using town = await openTown();
  await town.addAgent('ci-bot');
  const token = await newToken(town);
  const answers = await Promise.all(
    Array.from({ length: 100 }, () =>
      ask(town, '/v1/enrol/join-token', { token, csr: newRequest('ci-bot').csr }),
    ),
  );
  assert.equal(answers.filter(({ status }) => status === 200).length, 1);
  assert.ok(answers.every(({ status, body }) => status === 200 || body.code === 'join_token_invalid'));
  const issued = await town.deployment.authority.store.certificates.list({ name: 'ci-bot' });
  assert.equal(issued.filter(({ state }) => state === 'issued').length, 1);
});

test('U9 administration needs an admin certificate: no certificate and that of an agent are refused', async () => {
  await using town = await openTown();
  await town.addAgent('ci-bot');
  const none = await ask(town, '/v1/admin/agent.list', {});
  assert.equal(none.body.code, 'certificate_required');
  const agent = await ask(town, '/v1/admin/agent.list', {}, await town.issue('ci-bot'));
  assert.equal(agent.body.code, 'certificate_profile');
  const admin = await ask(town, '/v1/admin/agent.list', {}, await town.issue('operator', 'admin'));
  assert.equal(admin.status, 200);
});
