import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { findOperation } from '../../src/app/admin/operations.ts';
import { aCall } from '../../src/app/approvals/call-approval.fixture.ts';
import type { Deployment } from '../../src/app/compose/compose-deployment.ts';
import type { FeedMessage } from '../../src/app/feed/feed-message.ts';
import { keyIdOf } from '../../src/ca/publication-urls.ts';
import { readServerDefinition } from '../../src/upstream/server-definition.ts';
import { readCrl } from '../../src/x509/crl.ts';
import { encodePem } from '../../src/x509/pem.ts';
import { buildRequest } from '../../src/x509/request.ts';
import { legacyClient, mutualFetch, textOf } from './mcp-clients.ts';
import { openLegacyServer } from './mcp-servers.ts';
import { start } from './program.ts';
import { openTwoAuthorities, type TwoAuthorities } from './two-authorities.ts';

function aRequest(name: string): { readonly csr: string; readonly key: string } {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const csr = encodePem('CERTIFICATE REQUEST', buildRequest(privateKey, { commonName: name }));
  return { csr, key: privateKey.export({ type: 'pkcs8', format: 'pem' }) };
}

async function addAgent({ a }: TwoAuthorities, name: string): Promise<void> {
  await a.authority.addAgent({ name, owner: 'o', purpose: 'p', roles: [], buildDigest: null, device: null });
}

async function issueAt({ authority }: Deployment, name: string) {
  const { csr, key } = aRequest(name);
  const order = { name, kind: 'agent', csr, dnsNames: [], ipAddresses: [] } as const;
  const { certificate: cert, roots: ca, serial } = await authority.issueFor(order, 'test');
  return { cert, ca, key, serial };
}

/** The list that an authority hands out. */
async function crlOf({ authority, listeners }: Deployment) {
  const keyId = keyIdOf(authority.issuer.certificate);
  const answer = await fetch(`${listeners['plain']?.url}/crl/${keyId}.crl`);
  return readCrl(new Uint8Array(await answer.arrayBuffer()));
}

/** Waits until something holds, twenty seconds at most. */
async function eventually(holds: () => Promise<boolean>): Promise<void> {
  for (let waited = 0; waited < 400; waited += 1) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('what was waited for did not come');
}

test('I3 a join token that is shown to two authorities at once works once', async () => {
  await using town = await openTwoAuthorities();
  await addAgent(town, 'ci-bot');
  const order = { name: 'ci-bot', kind: 'agent', dnsNames: [], ipAddresses: [], minutes: 5 } as const;
  for (let round = 0; round < 5; round += 1) {
    const { token } = await town.b.authority.createJoinToken(order, 'test');
    const outcomes = await Promise.allSettled(
      [town.a, town.b, town.a, town.b].map(({ authority }) =>
        authority.redeem(token, aRequest('ci-bot').csr, '127.0.0.1'),
      ),
    );
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
    for (const one of outcomes) {
      if (one.status === 'rejected')
        assert.equal((one.reason as { code: string }).code, 'join_token_invalid');
    }
  }
});

test('I7 two authorities hand out the very same list, whoever revokes, and its number only rises, also when the one that made it ends', async () => {
  await using town = await openTwoAuthorities();
  const { a, b } = town;
  await addAgent(town, 'ci-bot');
  const numbers: number[] = [];
  const revokeAt = async (at: Deployment, see: readonly Deployment[]): Promise<void> => {
    const { serial } = await issueAt(at, 'ci-bot');
    await at.authority.revoke({ serial, reason: 'test' }, 'test');
    await eventually(async () => {
      const crls = await Promise.all(see.map(crlOf));
      for (const { number } of crls) numbers.push(number);
      const listed = crls.every(({ entries }) => entries.some((entry) => entry.serial === serial));
      return listed && new Set(crls.map(({ der }) => Buffer.from(der).toString('hex'))).size === 1;
    });
  };
  await revokeAt(a, [a, b]);
  await revokeAt(b, [a, b]);
  assert.deepEqual([a.authority.peers.leads(), b.authority.peers.leads()], [true, false]);
  await a[Symbol.asyncDispose]();
  await revokeAt(b, [b]);
  assert.equal(b.authority.peers.leads(), true);
  const before = numbers.at(-1) ?? 0;
  assert.ok(before >= 3 && numbers.every((number) => number <= before), numbers.join());
});

test('O2 when the key that signs access tokens is replaced at one authority the other signs with the new one too', async () => {
  await using town = await openTwoAuthorities({
    tokens: { door: 'open', issuer: 'https://as.example.internal' },
  });
  const heard: FeedMessage[] = [];
  const stop = await town.b.authority.feed.subscribe((message) => heard.push(message));
  const kid = await town.a.authority.rotateTokenKey(false);
  await eventually(async () =>
    heard.some((message) => 'trust' in message && message.trust?.tokens?.keys[0]?.['kid'] === kid),
  );
  stop();
});

test('I1 a rotation that is begun at one authority is given up at the other', async () => {
  await using town = await openTwoAuthorities();
  const { a, b } = town;
  const before = keyIdOf(b.authority.issuer.certificate);
  await a.authority.rotation.request('test');
  await eventually(async () => (await b.authority.rotation.status()).step === 'requested');
  await b.authority.rotation.abandon('test');
  await eventually(async () => (await a.authority.rotation.status()).step === 'none');
  assert.equal(keyIdOf(a.authority.issuer.certificate), before);
});

test('I3 I7 U9 a gateway goes on at the next authority when its own ends, loses no call, and hears there of a revocation', async () => {
  await using old = await openLegacyServer();
  await using town = await openTwoAuthorities();
  const { a, b } = town;
  await addAgent(town, 'ci-bot');
  const state = await mkdtemp(join(tmpdir(), 'countersign-gateway-'));
  await using _gone = { [Symbol.asyncDispose]: () => rm(state, { recursive: true, force: true }) };
  const order = { name: 'edge', kind: 'gateway', dnsNames: ['localhost'], minutes: 5 } as const;
  const { token, rootFingerprint } = await b.authority.createJoinToken(
    { ...order, ipAddresses: ['127.0.0.1', '::1'] },
    'test',
  );
  const words = ['gateway', '--authority', town.urls, '--name', 'edge', '--state', state, '--ports', 'any'];
  await using gateway = await start([...words, '--ca-fingerprint', rootFingerprint, '--join-token', token]);
  const server = { name: 'old', transport: 'http', url: old.url, tools: 'unpinned' };
  await a.authority.putServer(readServerDefinition(server), false);
  const shown = await issueAt(b, 'ci-bot');
  await using fetch = mutualFetch(shown);
  let client: Awaited<ReturnType<typeof legacyClient>> | null = null;
  await eventually(async () => {
    client = await legacyClient(`${gateway.first.listening['agents']}/mcp/old`, fetch).catch(() => null);
    return client !== null;
  });
  const call = async (): Promise<string> =>
    textOf(await client?.callTool({ name: 'echo', arguments: { message: 'hi' } }));
  assert.equal(await call(), 'legacy hi');
  await a[Symbol.asyncDispose]();
  for (let calls = 0; calls < 40; calls += 1) {
    assert.equal(await call(), 'legacy hi');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await b.authority.revoke({ serial: shown.serial, reason: 'test' }, 'test');
  await eventually(async () =>
    call().then(
      () => false,
      () => true,
    ),
  );
});

test('A3 policies that are changed at one authority are in force at both, whichever restarts', async () => {
  await using town = await openTwoAuthorities();
  const { a, b } = town;
  const [first, second] = town.folders;
  const texts = ({ authority }: Deployment): string =>
    authority.policies
      .current()
      .map(({ text }) => text)
      .join();
  await writeFile(
    join(second, 'policies', 'all.cedar'),
    'permit (principal, action, resource); // changed at b',
  );
  await eventually(async () => texts(a).includes('changed at b'));
  assert.match(await readFile(join(first, 'policies', 'all.cedar'), 'utf8'), /changed at b/);
  await rm(join(first, 'policies', 'all.cedar'));
  await eventually(async () => texts(b) === '');
  assert.deepEqual([texts(a), texts(b)], ['', '']);
});

test('I9 an issuance is proved by the log of the authority that issued, and any other says which one that is', async () => {
  await using town = await openTwoAuthorities();
  const { a, b } = town;
  await addAgent(town, 'ci-bot');
  const { serial } = await issueAt(b, 'ci-bot');
  const { run } = findOperation('certificate.prove');
  const by = { name: 'test', way: 'remote' } as const;
  const proof = JSON.stringify(await run(b.authority, { serial }, by));
  assert.match(proof, /example\.internal\/authority\/b/);
  await eventually(async () => a.authority.peers.list().filter(({ url }) => url !== '').length === 2);
  await assert.rejects(run(a.authority, { serial }, by), (fault: Error) => {
    assert.match(fault.message, /issued by the authority b.*--authority https:\/\//);
    return true;
  });
});

test('A4 a call that is decided at one authority is told to the gateways of the other', async () => {
  await using town = await openTwoAuthorities();
  const { a, b } = town;
  await addAgent(town, 'ci-bot');
  const heard: FeedMessage[] = [];
  const stop = await b.authority.feed.subscribe((message) => heard.push(message));
  const { id } = await b.authority.callApprovals.ask(aCall({}), 'edge');
  const operator = { name: 'operator', way: 'remote' } as const;
  await a.authority.callApprovals.decide(id, { state: 'refused', reason: null }, operator);
  await eventually(async () =>
    heard.some((message) => message.type === 'heartbeat' && message.decided?.includes(id)),
  );
  stop();
});

test('U7 an authority says whether it leads, and is ready while it reaches the store', async () => {
  await using town = await openTwoAuthorities();
  const partOf = async ({ listeners }: Deployment): Promise<unknown> => {
    const answer = await fetch(`${listeners['ops']?.url}/readyz`);
    const { parts } = (await answer.json()) as { readonly parts: Readonly<Record<string, unknown>> };
    return [answer.status, parts['peers']];
  };
  const ok = { ok: true, weight: 'needed' };
  await eventually(async () => town.a.authority.peers.list().length === 2);
  assert.deepEqual(await partOf(town.a), [200, { ...ok, detail: 'leads; 1 others are alive' }]);
  assert.deepEqual(await partOf(town.b), [200, { ...ok, detail: 'follows; 1 others are alive' }]);
});

test('I10 of two authorities one tells the receiver of alerts, each alert once, and the other goes on when that one ends', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-alerts-'));
  await using _gone = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
  const secret = join(folder, 'secret');
  await writeFile(secret, `whsec_${Buffer.alloc(32, 9).toString('base64')}`, { mode: 0o600 });
  const told: string[] = [];
  const receiver = createServer((request, response) => {
    told.push(String(request.headers['webhook-id']));
    request.resume();
    response.writeHead(204).end();
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', () => resolve()));
  using _closed = { [Symbol.dispose]: () => void receiver.close() };
  const address = receiver.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const alerts = { webhook: `http://127.0.0.1:${port}/`, webhookSecret: `file:${secret}` };
  await using town = await openTwoAuthorities({ alerts });
  const { a, b } = town;
  await addAgent(town, 'ci-bot');
  await b.authority.callApprovals.ask(aCall(), 'edge');
  await eventually(async () => told.length > 0);
  // Both have looked for calls that wait by then.
  await new Promise((resolve) => setTimeout(resolve, 6_000));
  assert.equal(told.length, 1);
  await a[Symbol.asyncDispose]();
  await b.authority.callApprovals.ask(aCall({ digest: 'e'.repeat(43) }), 'edge');
  await eventually(async () => told.length > 1);
  assert.deepEqual(told, [...new Set(told)]);
});
