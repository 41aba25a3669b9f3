import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import type { Issuers } from '../authority/open-issuers.ts';
import { Place } from '../authority/rotation.fixture.ts';
import type { Rotation } from '../authority/rotation.ts';
import { keyIdOf } from '../../ca/publication-urls.ts';
import type { Peer } from './peers.ts';
import { memoryMeta } from '../store/memory-meta.ts';

const fault = (code: string) => ({ name: 'Fault', code });
const issuingOf = ({ issuers }: { readonly issuers: Issuers }): string =>
  keyIdOf(issuers.issuing().certificate);

/** Two authorities of one store, each in its own folder. */
async function opened() {
  const first = await Place.make();
  const second = await first.beside();
  const facts = memoryMeta();
  const { privateKey: key } = generateKeyPairSync('ed25519');
  const said = { url: '', version: '' };
  const peers = (): readonly Peer[] => [
    { ...said, id: 'b', name: 'b', isSelf: false, alive: true, leads: false, issuers: b.issuers.step() },
  ];
  const world = { facts, key, peers };
  const a = await first.open(world);
  const b = await second.open(world);
  const prepare = async (rotation: Rotation): Promise<void> => {
    const asked = await rotation.request('admin');
    await rotation.prepare({ certificate: await first.sign(asked) }, 'admin');
  };
  return {
    first,
    second,
    facts,
    key,
    a,
    b,
    world,
    prepare,
    async [Symbol.asyncDispose]() {
      await first[Symbol.asyncDispose]();
      await second[Symbol.asyncDispose]();
    },
  };
}

test('I1 the intermediate of several authorities is replaced at all of them, once all have the next one', async () => {
  await using town = await opened();
  const { a, b, prepare, first, second } = town;
  const old = issuingOf(a);
  await prepare(a.rotation);
  await assert.rejects(a.rotation.activate({ force: false }, 'admin'), fault('conflict'));
  await b.issuers.follow();
  assert.equal(b.issuers.all().length, 2);
  await a.rotation.activate({ force: false }, 'admin');
  assert.deepEqual([issuingOf(b), b.issuers.all().length], [old, 2], 'until it has looked');
  await b.issuers.follow();
  assert.notEqual(issuingOf(b), old);
  assert.equal(issuingOf(b), issuingOf(a));
  // The one that was begun at one authority is ended at the other.
  await b.rotation.retire({ force: true }, 'admin');
  await a.issuers.follow();
  for (const { issuers } of [a, b]) {
    const { certificate, key } = issuers.issuing();
    assert.equal(issuers.all().length, 1);
    assert.ok(certificate.publicKey.equals(key.publicKey));
  }
  // Both folders are as after a rotation alone, each with a key file of its own.
  const kept = await Promise.all([first, second].map(({ data }) => readFile(data.intermediateCertificate)));
  assert.deepEqual(kept[0], kept[1]);
  const keys = await Promise.all([first, second].map(({ data }) => readFile(data.intermediateKey)));
  assert.notDeepEqual(keys[0], keys[1]);
});

test('I1 an authority that was away while the intermediate was replaced issues with the next one from its start', async () => {
  await using town = await opened();
  const { a, prepare, second, world } = town;
  await prepare(a.rotation);
  await a.rotation.activate({ force: true }, 'admin');
  await a.rotation.retire({ force: true }, 'admin');
  const again = await second.open(world);
  assert.equal(issuingOf(again), issuingOf(a));
});

test('I1 of two administrators who take a step at two authorities one does', async () => {
  await using town = await opened();
  const { a, b } = town;
  await a.rotation.request('admin');
  await assert.rejects(b.rotation.request('admin'), fault('conflict'));
  await b.issuers.follow();
  await b.rotation.abandon('admin');
  await assert.rejects(a.rotation.abandon('admin'), fault('conflict'));
});

test('I8 what whoever writes in the store says of the issuers is not believed, and no key can be read there', async () => {
  await using town = await opened();
  const { a, b, facts, first } = town;
  const before = (await facts.get('issuers')) ?? '';
  await facts.set('issuers', before.replace(/^1 /, '9 '));
  await assert.rejects(b.issuers.follow(), fault('state_damaged'));
  await facts.set('issuers', before);
  await b.issuers.follow();
  assert.equal(issuingOf(b), issuingOf(a));
  const { privateKey } = generateKeyPairSync('ed25519');
  await assert.rejects(first.open({ ...town.world, key: privateKey }), fault('state_damaged'));
  assert.doesNotMatch(before, /CERTIFICATE|ciphertext|pkcs8/i);
});
