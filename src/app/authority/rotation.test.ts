import assert from 'node:assert/strict';
import { readdir, readFile, rm } from 'node:fs/promises';
import { test } from 'node:test';
import { createAuthority } from '../../ca/create-authority.ts';
import { rootsOf } from '../../ca/issuer.ts';
import { pemOfCertificate } from '../../ca/pem-of-certificate.ts';
import { keyIdOf } from '../../ca/publication-urls.ts';
import { writeDurably } from '../../kernel/durable-file.ts';
import { readCertificate } from '../../x509/certificate.ts';
import { decodePem } from '../../x509/pem.ts';
import { finish, hour, Place } from './rotation.fixture.ts';
import type { PreparedIssuer } from './rotation.ts';

const fault = (code: string) => ({ name: 'Fault', code });

test('I1 an intermediate is replaced in steps, and in the end the folder is as one that was made with the new', async () => {
  await using place = await Place.make();
  const { data } = place;
  const before = await readdir(data.folder);
  const opened = await place.open();
  const { issuers, rotation } = opened;
  const old = keyIdOf(issuers.issuing().certificate);
  await assert.rejects(rotation.activate({ force: false }, 'admin'), fault('conflict'));
  const asked = await rotation.request('admin');
  assert.deepEqual(await rotation.request('admin'), asked, 'asked again, it is the same key');
  await rotation.prepare({ certificate: await place.sign(asked) }, 'admin');
  assert.equal(keyIdOf(issuers.issuing().certificate), old, 'nothing issues with it yet');
  assert.equal(issuers.all().length, 2);
  await assert.rejects(rotation.request('admin'), fault('conflict'));
  const { issuing } = await rotation.activate({ force: false }, 'admin');
  assert.notEqual(issuing.issuer, old);
  await assert.rejects(rotation.abandon('admin'), fault('conflict'));
  await assert.rejects(rotation.request('admin'), fault('conflict'));

  await place.leaf('0a', old);
  await place.leaf('0b', issuing.issuer);
  await assert.rejects(rotation.retire({ force: false }, 'admin'), fault('conflict'));
  assert.deepEqual(
    (await rotation.status()).leaves.map(({ serial }) => serial),
    ['0a'],
  );
  place.clock.advance(hour + 1);
  assert.equal((await rotation.retire({ force: false }, 'admin')).step, 'none');
  assert.deepEqual(await readdir(data.folder), before);
  const [kept = new Uint8Array()] = decodePem(
    await readFile(data.intermediateCertificate, 'utf8'),
    'CERTIFICATE',
  );
  assert.equal(keyIdOf(readCertificate(kept)), issuing.issuer);
  const again = await place.open();
  const { certificate, key } = again.issuers.issuing();
  assert.ok(certificate.publicKey.equals(key.publicKey));
  assert.deepEqual(
    place.events.map(({ type }) => type),
    ['rotation.requested', 'rotation.prepared', 'rotation.activated', 'rotation.retired'],
  );
});

test('I1 a process that ends at any write of a rotation, of the intermediate or the root, leaves a folder that opens, and the step is taken again', async () => {
  for (const replaces of ['intermediate', 'root'] as const) await endEverywhere(replaces);
});

async function endEverywhere(replaces: 'intermediate' | 'root'): Promise<void> {
  let points = 0;
  for (let fail = 1; ; fail += 1) {
    await using place = await Place.make();
    await place.open();
    const old = keyIdOf(place.made.intermediateCertificate);
    await place.leaf('0a', old);
    const first = await place.open();
    place.fail = fail;
    const ended = await finish(place, first, replaces).then(
      () => true,
      () => false,
    );
    place.fail = Number.POSITIVE_INFINITY;
    const opened = await place.open();
    const { certificate, chain, key } = opened.issuers.issuing();
    assert.ok(certificate.publicKey.equals(key.publicKey), `after write ${fail}`);
    assert.equal(chain.length, 2);
    await finish(place, opened, replaces);
    assert.notEqual(keyIdOf(opened.issuers.issuing().certificate), old);
    assert.equal((await place.records.find('0a'))?.state, 'revoked', 'what the retired one left is revoked');
    const names = await readdir(place.data.folder);
    assert.ok(!names.includes('issuers.json'), `after write ${fail}: ${names.join()}`);
    const { root } = opened.issuers.kept().issuing;
    const isNew = replaces === 'root';
    assert.equal(root.serial !== place.made.rootCertificate.serial, isNew);
    assert.equal(names.includes('root-key.json'), !isNew, 'the key of a root that is retired is gone');
    assert.equal(names.filter((name) => name.startsWith('root-key-')).length, isNew ? 1 : 0, names.join());
    await place.open();
    if (ended) break;
    points = fail;
  }
  // Four entries of the log, four states, what the store notes, a revocation with its entry, and the files at the end.
  assert.ok(points >= 14, `${points} places to fail at`);
}

test('I1 a prepared intermediate can be given up at any time before it issues, and its key is gone', async () => {
  for (const signed of [false, true]) {
    await using place = await Place.make();
    const { rotation, issuers } = await place.open();
    const before = issuers.issuing();
    const asked = await rotation.request('admin');
    if (signed) await rotation.prepare({ certificate: await place.sign(asked) }, 'admin');
    await rotation.abandon('admin');
    assert.equal(issuers.issuing(), before);
    assert.equal(issuers.all().length, 1);
    assert.ok(!(await readdir(place.data.folder)).includes('issuers.json'));
    assert.notDeepEqual(await rotation.request('admin'), asked, 'the next one has another key');
  }
});

test('I1 a rotation whose file is lost does not let the intermediate before it issue again, unnoticed', async () => {
  await using place = await Place.make();
  const { rotation } = await place.open();
  await rotation.prepare({ certificate: await place.sign(await rotation.request('admin')) }, 'admin');
  await rotation.activate({ force: false }, 'admin');
  await rm(place.data.issuers);
  await assert.rejects(place.open(), fault('state_damaged'));
  for (const octets of ['', '{}', '{"format":2}', 'not json']) {
    await writeDurably(place.data.issuers, octets);
    await assert.rejects(place.open(), fault('state_damaged'));
  }
});

test('I1 a new root issues only when whoever is in force has learnt of it, or by force', async () => {
  await using place = await Place.make();
  const { rotation, issuers } = await place.open();
  const old = keyIdOf(issuers.issuing().certificate);
  await place.leaf('0a', old);
  place.clock.advance(1_000);
  await rotation.prepare(await place.signBelowNewRoot(await rotation.request('admin')), 'admin');
  assert.equal(rootsOf(issuers.all()).length, 2);
  const status = await rotation.status();
  assert.deepEqual([status.replaces, status.waiting], ['root', 1]);
  assert.deepEqual(
    status.unaware.map(({ name }) => name),
    ['ci-bot'],
  );
  await assert.rejects(rotation.activate({ force: false }, 'admin'), fault('conflict'));
  // Its renewal comes with both roots; the one before is not waited for.
  await place.leaf('0b', old, '0a');
  assert.equal((await rotation.status()).waiting, 0);
  const { issuing, retiring } = await rotation.activate({ force: false }, 'admin');
  assert.notEqual(issuing.rootFingerprint, retiring?.rootFingerprint);
  assert.equal(rootsOf(issuers.all()).length, 2, 'the old root is trusted until it is retired');
  await assert.rejects(rotation.retire({ force: false }, 'admin'), fault('conflict'));
  place.clock.advance(hour + 1);
  await rotation.retire({ force: false }, 'admin');
  assert.equal(rootsOf(issuers.all()).length, 1);
});

test('bad input: a root under the name or with the key of the one before, or whose CRL it has not signed, is not taken in', async () => {
  await using place = await Place.make();
  const { rotation } = await place.open();
  const asked = await rotation.request('admin');
  const right = await place.signBelowNewRoot(asked);
  const twin = createAuthority({ trustDomain: 'example.internal', clock: place.clock });
  const prepare = (changes: Partial<PreparedIssuer>): Promise<unknown> =>
    rotation.prepare({ ...right, ...changes }, 'admin');
  const sameName = pemOfCertificate(twin.rootCertificate.der);
  await assert.rejects(prepare({ root: sameName }), fault('certificate_profile'));
  const same = pemOfCertificate(place.made.rootCertificate.der);
  await assert.rejects(prepare({ root: same }), fault('certificate_profile'));
  await assert.rejects(prepare({ root: right.certificate }), fault('certificate_profile'));
  const other = await place.signBelowNewRoot(asked);
  await assert.rejects(prepare({ root: other.root }), fault('certificate_profile'));
  await assert.rejects(prepare({ rootCrl: other.rootCrl }), fault('invalid_input'));
  assert.equal((await rotation.status()).step, 'requested');
  await prepare({});
});

test('bad input: what is no intermediate of this authority for the key that was asked for is not taken in', async () => {
  await using place = await Place.make();
  const { rotation } = await place.open();
  await assert.rejects(rotation.prepare({ certificate: '' }, 'admin'), fault('conflict'));
  await rotation.request('admin');
  const stranger = createAuthority({ trustDomain: 'example.internal', clock: place.clock });
  const refused = [
    stranger.intermediateCertificate,
    place.made.intermediateCertificate,
    place.made.rootCertificate,
  ];
  for (const { der } of refused) {
    await assert.rejects(
      rotation.prepare({ certificate: pemOfCertificate(der) }, 'admin'),
      fault('certificate_profile'),
    );
  }
  await assert.rejects(rotation.prepare({ certificate: 'no PEM' }, 'admin'), fault('malformed_pem'));
  assert.equal((await rotation.status()).step, 'requested');
});
