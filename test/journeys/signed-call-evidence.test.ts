import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import type { Json } from '../../src/kernel/canonical-json.ts';
import { checkEvidence } from '../../src/oauth/signed-call/evidence.ts';
import { isFault } from '../contracts/is-fault.ts';
import { openTown, type Presentable, type Town, until } from './deployment.ts';
import { openHttpServer } from './mcp-servers.ts';
import { runHere } from './program.ts';
import { signingAgent } from './signing-agent.ts';

const body = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay","arguments":{"sum":5}}}';
const opened = new AsyncDisposableStack();
let town: Town;
let shown: Presentable;
let other: Presentable;
let folder: string;
let index: number;
const place = (name: string): string => join(folder, name);
const openssl = async (...words: readonly string[]): Promise<string> =>
  (await promisify(execFile)('openssl', words, { encoding: 'latin1' })).stdout;

before(async () => {
  const server = opened.use(
    await openHttpServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end('{"jsonrpc":"2.0","id":1,"result":{"content":[]}}');
      return Promise.resolve();
    }),
  );
  town = opened.use(await openTown());
  folder = await mkdtemp(join(tmpdir(), 'countersign-evidence-'));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  await town.addHttpServer('billing', server.url);
  for (const name of ['ci-bot', 'other']) await town.addAgent(name);
  await town.permit('permit (principal, action, resource);');
  await writeFile(join(town.data.policies, 'signed-calls.yaml'), 'required: [billing]');
  await until(() => town.gateway.view.signingServers().has('billing'));
  [shown, other] = [await town.issue('ci-bot'), await town.issue('other')];
  await using agent = signingAgent(shown);
  const signed = agent.sign({ url: town.endpoint('billing'), method: 'POST', body });
  assert.equal((await agent.send(signed)).status, 200);
  index = (await town.events()).findIndex((event) => event.type === 'call.permitted');
  await writeFile(place('root.pem'), shown.ca);
  await writeFile(place('body.json'), body);
  const words = ['--out', place('proof.json'), '--evidence', place('evidence')];
  assert.equal((await runHere(['audit', 'prove', town.data.gatewayLog, String(index), ...words])).code, 0);
});

after(() => opened.disposeAsync());

const check = (proof: string, ...more: readonly string[]) =>
  runHere(['audit', 'check-proof', proof, '--key', join(town.data.gatewayLog, 'public-key.pem'), ...more]);

test('O9 a third party with the key of the log and the root alone is shown who signed a call, and what', async () => {
  const { code, stdout } = await check(place('proof.json'), '--root', place('root.pem'));
  assert.equal(code, 0, stdout);
  assert.match(stdout, /It was signed by spiffe:\/\/\S+\/agent\/ci-bot with the certificate [\w-]{43}:/);
  assert.ok(stdout.includes(`"@target-uri": ${town.endpoint('billing')}`));
  assert.match(stdout, /leads to the root /);
  const without = await check(place('proof.json'));
  assert.deepEqual([without.code, /give --root/.test(without.stdout)], [0, true]);
});

test('O9 evidence with anything exchanged shows nothing', async () => {
  const proof = JSON.parse(await readFile(place('proof.json'), 'utf8')) as {
    entry: string;
    signer: { certificate: string; issuers: string[] };
  };
  const stranger = new X509Certificate(other.cert).raw.toString('base64');
  const root = new X509Certificate(shown.ca).raw.toString('base64');
  const forged: Readonly<Record<string, object>> = {
    'the certificate of another agent': { ...proof, signer: { ...proof.signer, certificate: stranger } },
    'the certificate of the root': { ...proof, signer: { ...proof.signer, certificate: root } },
    'no authorities': { ...proof, signer: { ...proof.signer, issuers: [] } },
    'another body in the entry': { ...proof, entry: proof.entry.replace('sha-256=:', 'sha-256=:A') },
    'another signature in the entry': { ...proof, entry: proof.entry.replace('"value":"', '"value":"A') },
  };
  for (const [what, value] of Object.entries(forged)) {
    await writeFile(place('forged.json'), JSON.stringify(value));
    const { code, stdout, stderr } = await check(place('forged.json'), '--root', place('root.pem'));
    assert.equal(code, 6, `${what}: ${stdout}${stderr}`);
  }
  await writeFile(place('forged.json'), JSON.stringify({ ...proof, signer: undefined }));
  assert.equal((await check(place('forged.json'))).code, 2);
  // A root of somebody else.
  const made = ['-nodes', '-keyout', place('foreign.key'), '-out', place('foreign.pem'), '-subj', '/CN=root'];
  await openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', ...made);
  assert.equal((await check(place('proof.json'), '--root', place('foreign.pem'))).code, 6);
});

test('O9 a log that its own gateway forged shows nothing either: the signature is of the call, the agent and the time', async () => {
  const proof = JSON.parse(await readFile(place('proof.json'), 'utf8')) as {
    entry: string;
    signer: { certificate: string; issuers: string[] };
  };
  const entry = JSON.parse(proof.entry) as { time: string; event: Json };
  const { event } = entry;
  const { signature } = event as { signature: { base: string; value: string } };
  const signer = {
    certificate: Buffer.from(proof.signer.certificate, 'base64'),
    issuers: proof.signer.issuers.map((one) => Buffer.from(one, 'base64')),
  };
  const roots = [new X509Certificate(shown.ca).raw];
  const shows = (changed: object, time = entry.time) =>
    checkEvidence({ time, event: { ...(event as object), ...changed } }, signer, roots);
  assert.match(shows({}).spiffeId, /\/agent\/ci-bot$/);
  const later = new Date(Date.parse(entry.time) + 3_600_000 * 2).toISOString();
  const base = (from: string, to: string): object => ({
    signature: { ...signature, base: signature.base.replace(from, to) },
  });
  const forged: Readonly<Record<string, () => unknown>> = {
    'another method': () => shows(base('POST', 'GET')),
    'another tag': () => shows(base('countersign-call-v1', 'another')),
    'no parameters': () => shows(base('"@signature-params"', '"@other"')),
    'parameters that cannot be read': () => shows(base(';nonce', ';;nonce')),
    'another signature': () =>
      shows({ signature: { ...signature, value: Buffer.alloc(64, 1).toString('base64') } }),
    'half a signature': () => shows({ signature: { ...signature, value: 'AAAA' } }),
    'another certificate in the entry': () => shows({ thumbprint: 'x'.repeat(43) }),
    'another agent in the entry': () => shows({ spiffeId: 'spiffe://example.internal/agent/other' }),
    'another time': () => shows({}, later),
    'no signature': () => shows({ signature: undefined }),
  };
  for (const [what, act] of Object.entries(forged)) assert.throws(act, isFault('audit_broken'), what);
});

test('O9 docs/signed-calls.md: plain openssl verifies the signature, the chain, the key and the body', async () => {
  const part = (name: string): string => place(join('evidence', name));
  const { time, event } = JSON.parse(await readFile(part('entry.json'), 'utf8')) as {
    time: string;
    event: { thumbprint: string; signature: { contentDigest: string } };
  };
  await writeFile(
    place('key.pem'),
    await openssl('x509', '-in', part('certificate.pem'), '-pubkey', '-noout'),
  );
  const verify = ['dgst', '-sha256', '-verify', place('key.pem'), '-signature', part('signature.der')];
  assert.match(await openssl(...verify, part('signed.txt')), /^Verified OK/);
  await writeFile(place('changed.txt'), (await readFile(part('signed.txt'), 'utf8')).replace('POST', 'GET'));
  await assert.rejects(openssl(...verify, place('changed.txt')));
  const seconds = String(Math.floor(Date.parse(time) / 1_000));
  const chain = ['verify', '-CAfile', place('root.pem'), '-untrusted', part('chain.pem'), '-attime', seconds];
  assert.match(await openssl(...chain, part('certificate.pem')), /: OK\n$/);
  const der = await openssl('x509', '-in', part('certificate.pem'), '-outform', 'DER');
  await writeFile(place('certificate.der'), Buffer.from(der, 'latin1'));
  const digestOf = async (path: string): Promise<Buffer> =>
    Buffer.from(await openssl('dgst', '-sha256', '-binary', path), 'latin1');
  const thumbprint = (await digestOf(place('certificate.der'))).toString('base64url');
  assert.equal(thumbprint, event.thumbprint);
  const signed = await readFile(part('signed.txt'), 'utf8');
  assert.ok(signed.includes(`;keyid="${thumbprint}"`));
  const digest = `sha-256=:${(await digestOf(place('body.json'))).toString('base64')}:`;
  assert.equal(event.signature.contentDigest, digest);
  assert.ok(signed.includes(`"content-digest": ${digest}\n`));
});

test('O9 an entry of a call that was not signed has a proof and no evidence', async () => {
  const { code } = await runHere(['audit', 'prove', town.data.gatewayLog, '0', '--evidence', place('none')]);
  assert.equal(code, 4);
  assert.equal((await runHere(['audit', 'prove', town.data.gatewayLog, '0'])).code, 0);
});
