import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { globSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openAcmeDoor } from '../../src/enrol/acme/acme-door.ts';
import { addressRanges } from '../../src/http/address-guard.ts';
import type { JsonObject } from '../../src/kernel/canonical-json.ts';
import { csrFor, type Heard, openSigner, type Signer, thumbprintOf } from './acme-signer.ts';
import { type AcmeTown, openAcmeTown } from './acme-town.ts';
import { type AttestedDevice, openAttestedDevice } from './attested-device.ts';
import { missing } from './missing.ts';

const provider =
  globSync('/usr/lib/*/ossl-modules/tpm2.so').length > 0 ? false : 'tpm2-openssl is not installed here';
const skip = missing('swtpm', 'tpm2', 'openssl') || provider;

const opened = new AsyncDisposableStack();
let at: AcmeTown;
let device: AttestedDevice;

before(async () => {
  if (skip) return;
  at = opened.use(await openAcmeTown());
  const folder = await mkdtemp(join(tmpdir(), 'countersign-device-'));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  device = opened.use(await openAttestedDevice(folder, 'SN-1000'));
});
after(() => opened.disposeAsync());

const identifier = { type: 'permanent-identifier', value: 'SN-1000' };

async function addAgent(name: string, serial: string | null): Promise<void> {
  await at.run('agent.add', { name, owner: 'alice', purpose: 'test', device: serial });
}

/** The rules of a maker of TPMs, with more below them. */
async function trustMaker(...more: readonly string[]): Promise<void> {
  const { folder } = at.town.data;
  await writeFile(join(folder, 'maker.pem'), device.roots);
  const maker = ['makers:', '  - name: fleet', '    format: tpm', '    roots: maker.pem'];
  await writeFile(join(folder, 'attestation.yaml'), [...maker, ...more, ''].join('\n'));
}

interface Begun {
  readonly order: string;
  readonly authorization: string;
  readonly challenge: string;
  readonly token: string;
}

/** An order for the device, up to its challenge. */
async function begin(me: Signer): Promise<Begun> {
  const made = await me.post('new-order', { identifiers: [identifier] });
  assert.equal(made.status, 201, made.text);
  const [authorization = ''] = made.body['authorizations'] as string[];
  const [challenge, ...more] = (await me.post(authorization, null)).body['challenges'] as JsonObject[];
  assert.equal(challenge?.['type'], 'device-attest-01');
  assert.deepEqual(more, []);
  const { token, url } = challenge as { token: string; url: string };
  return { order: made.headers.get('location') ?? '', authorization, challenge: url, token };
}

async function answer(me: Signer, { challenge, token }: Begun): Promise<Heard> {
  return await me.post(challenge, { attObj: await device.attest(`${token}.${thumbprintOf(me.key)}`) });
}

test('I3 until somebody vouches for devices, a device is no identifier and an agent needs a place', {
  skip,
}, async () => {
  await addAgent('edge-bot', 'SN-1000');
  await assert.rejects(at.key('edge-bot', { kind: 'agent' }), { code: 'invalid_input' });
  await using me = openSigner(at);
  await me.open(await at.key('files'));
  const { problem } = await me.post('new-order', { identifiers: [identifier] });
  assert.equal(problem, 'unsupportedIdentifier');
});

test('I3 a key in a TPM gets the certificate of the agent whose device attests it, and no other key does', {
  skip,
}, async () => {
  await trustMaker();
  await using me = openSigner(at);
  await me.open(await at.key('edge-bot', { kind: 'agent' }));
  const begun = await begin(me);
  assert.equal((await me.post(begun.challenge, {})).problem, 'malformed');
  const proved = await answer(me, begun);
  assert.equal(proved.body['status'], 'valid', proved.text);
  assert.equal((await me.post(begun.order, null)).body['status'], 'ready');
  const other = await me.post(`${begun.order}/finalize`, { csr: csrFor({}, { commonName: 'edge-bot' }) });
  assert.equal(other.problem, 'badCSR');
  const foreign = await device.csr('edge-bot', 'SN-2000');
  assert.equal((await me.post(`${begun.order}/finalize`, { csr: foreign })).problem, 'badCSR');
  // As Apple's devices do: the device in the subject and among the alternative names.
  const csr = await device.csr('SN-1000', 'SN-1000');
  const done = await me.post(`${begun.order}/finalize`, { csr });
  assert.equal(done.body['status'], 'valid', done.text);
  const { text } = await me.post(done.body['certificate'] as string, null);
  const certificate = new X509Certificate(text);
  assert.equal(certificate.subjectAltName, 'URI:spiffe://example.internal/agent/edge-bot');
  const hardware = { format: 'tpm', maker: 'fleet', device: 'SN-1000' };
  const shown = await at.run('agent.show', { name: 'edge-bot' });
  assert.deepEqual((shown['certificates'] as JsonObject[])[0]?.['hardware'], hardware);
  const { certificates } = await at.town.deployment.authority.store.changes.snapshot();
  assert.deepEqual(
    certificates.filter((one) => one.hardware).map(({ name }) => name),
    ['edge-bot'],
  );
  const spki = certificate.publicKey.export({ type: 'spki', format: 'der' });
  assert.ok(Buffer.from(csr, 'base64url').includes(spki));
});

test('I3 an attestation is good for one challenge of one account, once', { skip }, async () => {
  await trustMaker();
  await using me = openSigner(at);
  await me.open(await at.key('edge-bot', { kind: 'agent' }));
  const first = await begin(me);
  const second = await begin(me);
  const attObj = await device.attest(`${first.token}.${thumbprintOf(me.key)}`);
  const replayed = await me.post(second.challenge, { attObj });
  assert.equal(replayed.status, 400);
  assert.equal(replayed.problem, 'badAttestationStatement');
  assert.equal((await me.post(second.authorization, null)).body['status'], 'invalid');
  assert.equal((await me.post(second.order, null)).body['status'], 'invalid');
  // The right one comes too late.
  assert.equal((await answer(me, second)).body['status'], 'invalid');
  assert.equal((await me.post(first.challenge, { attObj })).body['status'], 'valid');

  await using you = openSigner(at);
  await you.open(await at.key('edge-bot', { kind: 'agent' }));
  const theirs = await begin(you);
  const mine = await device.attest(`${theirs.token}.${thumbprintOf(me.key)}`);
  assert.equal((await you.post(theirs.challenge, { attObj: mine })).problem, 'badAttestationStatement');
});

test('I3 a device is shown for what it is on record for, or what a rule says, while that counts', {
  skip,
}, async () => {
  await trustMaker();
  await addAgent('other-bot', 'SN-2000');
  await using other = openSigner(at);
  await other.open(await at.key('other-bot', { kind: 'agent' }));
  assert.equal((await other.post('new-order', { identifiers: [identifier] })).problem, 'rejectedIdentifier');
  await using server = openSigner(at);
  await server.open(await at.key('edge-1'));
  assert.equal((await server.post('new-order', { identifiers: [identifier] })).problem, 'rejectedIdentifier');
  await trustMaker('devices:', '  - kind: server', '    names: [edge-*]', '    identifiers: [SN-1*]');
  const begun = await begin(server);
  assert.equal((await answer(server, begun)).body['status'], 'valid');
  // The rule is gone before the order is finished.
  await trustMaker('');
  const late = await server.post(`${begun.order}/finalize`, { csr: await device.csr('edge-1') });
  assert.equal(late.problem, 'rejectedIdentifier');
});

test('I3 a statement that was being looked at in a crash is not looked at again: its challenge is invalid', {
  skip,
}, async () => {
  await trustMaker();
  await using me = openSigner(at);
  await me.open(await at.key('edge-bot', { kind: 'agent' }));
  const begun = await begin(me);
  const { ca, store, subjects, attestations, bindingSecrets: secrets } = at.town.deployment.authority;
  const id = begun.authorization.split('/').at(-1) ?? '';
  assert.ok(await store.acmeOrders.choose(id, 'device-attest-01', ca.clock.now()));
  const { acmeAccounts: accounts, acmeOrders: orders } = store;
  const resolver = { lookup: () => undefined, texts: async () => [] };
  const outside = { resolver, addressGuard: addressRanges([]), httpPort: 80, tlsPort: 443 };
  await using _again = await openAcmeDoor({ ca, accounts, orders, subjects, attestations, secrets, outside });
  while ((await orders.findAuthorization(id))?.status === 'pending') {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.equal((await answer(me, begun)).body['status'], 'invalid');
});
