import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createAuthority } from '../../ca/create-authority.ts';
import { writeKeyFile } from '../../ca/key-file.ts';
import { pemOfCertificate } from '../../ca/pem-of-certificate.ts';
import { writeDurably } from '../../kernel/durable-file.ts';
import { systemClock } from '../../kernel/clock.ts';
import { readInstance } from '../peers/instance-file.ts';
import { dataFolder } from './data-folder.ts';
import { exportPeer, joinPeer } from './export-peer.ts';
import { fingerprintOf } from './fingerprint.ts';
import { keyReferenceFile, readKeyFile } from './signing-key-file.ts';

const fault = (code: string) => ({ name: 'Fault', code });
const [own, transfer, other] = ['passphrase of a', 'passphrase on the way', 'passphrase of b'];

/** The folder of an authority whose root key is at hand, and a bundle of it. */
async function exported() {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-peer-'));
  const data = dataFolder(join(folder, 'a'));
  const made = createAuthority({ trustDomain: 'example.internal', clock: systemClock });
  const audit = generateKeyPairSync('ed25519').privateKey;
  await mkdir(data.policies, { recursive: true });
  await writeDurably(data.marker, '{"format":1,"trustDomain":"example.internal"}');
  await writeDurably(data.rootCertificate, pemOfCertificate(made.rootCertificate.der));
  await writeDurably(data.intermediateCertificate, pemOfCertificate(made.intermediateCertificate.der));
  await writeKeyFile(data.rootKey, made.rootKey, own, 2);
  await writeKeyFile(data.intermediateKey, made.intermediateKey, own, 2);
  await writeKeyFile(data.auditKey, audit, own, 2);
  await writeDurably(data.registrationKey, keyReferenceFile('pkcs11:token=t;object=o'));
  await writeFile(join(data.policies, 'x.cedar'), 'permit (principal, action, resource);');
  const target = join(folder, 'bundle');
  const order = { target, passphrase: own, bundlePassphrase: transfer, clock: systemClock, cost: 2 };
  const { rootFingerprint } = await exportPeer(data, order);
  return {
    folder,
    data,
    made,
    audit,
    target,
    order,
    rootFingerprint,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

const joining = { name: 'b', passphrase: other, bundlePassphrase: transfer, rootFingerprint: null, cost: 2 };

test('I1 I8 a bundle makes the folder of another authority, with the same keys under a passphrase of its own and without the key of the root', async () => {
  await using town = await exported();
  const { folder, made, audit, target, rootFingerprint } = town;
  assert.equal(rootFingerprint, fingerprintOf(made.rootCertificate));
  assert.equal((await stat(target)).mode & 0o777, 0o600);
  const data = dataFolder(join(folder, 'b'));
  await joinPeer(target, data, { ...joining, rootFingerprint });
  assert.deepEqual((await readdir(data.folder)).sort(), [
    'audit-key.json',
    'authority-log',
    'authority.json',
    'instance.json',
    'intermediate-key.json',
    'intermediate.pem',
    'policies',
    'registration-key.json',
    'root.pem',
  ]);
  assert.ok((await readKeyFile(data.auditKey, other)).equals(audit));
  assert.ok((await readKeyFile(data.intermediateKey, other)).equals(made.intermediateKey));
  assert.match(await readFile(data.registrationKey, 'utf8'), /pkcs11:token=t/);
  assert.match(await readFile(join(data.policies, 'x.cedar'), 'utf8'), /permit/);
  assert.deepEqual({ ...(await readInstance(data.instance)), id: '' }, { id: '', name: 'b', isFirst: false });
});

test('I8 a bundle of another root, a wrong passphrase, a changed bundle and a folder that is in use make no authority', async () => {
  await using town = await exported();
  const { folder, target, order, data } = town;
  const next = dataFolder(join(folder, 'b'));
  const wrong = { ...joining, rootFingerprint: `sha256:${'0'.repeat(64)}` };
  await assert.rejects(joinPeer(target, next, wrong), fault('gateway_untrusted'));
  await assert.rejects(
    joinPeer(target, next, { ...joining, bundlePassphrase: own }),
    fault('passphrase_wrong'),
  );
  await assert.rejects(joinPeer(target, next, { ...joining, name: '../x' }), fault('invalid_input'));
  await assert.rejects(joinPeer(target, data, joining), fault('authority_exists'));
  const text = await readFile(target, 'utf8');
  await writeDurably(
    target,
    text.replace(/("sealed":".{60})./, (_all, begin) => `${begin}!`),
  );
  await assert.rejects(joinPeer(target, next, joining), fault('passphrase_wrong'));
  await writeDurably(target, '{}');
  await assert.rejects(joinPeer(target, next, joining), fault('invalid_input'));
  assert.deepEqual((await readdir(folder)).sort(), ['a', 'bundle']);
  await assert.rejects(
    exportPeer(data, { ...order, bundlePassphrase: 'short' }),
    fault('passphrase_required'),
  );
});
