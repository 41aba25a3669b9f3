import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { toBase64 } from '../kernel/bytes.ts';
import { steppedClock } from '../kernel/clock.ts';
import { writeCheckpoint } from './checkpoint.ts';
import { cosignedAt, cosigner, derivedCosignerKey, readWitnessKey, splitNote } from './cosignature.ts';
import { isFault, origin, signer, signerOf, temporaryFolder } from './log.fixture.ts';
import { consistencyRanges, Frontier } from './merkle.ts';
import { leafHash } from './entry.ts';
import { Witness } from './witness.ts';
import { witnessFolder } from './witness-folder.ts';

const clock = steppedClock(1_679_315_147_000);
const own = cosigner('witness.example.com/w1', generateKeyPairSync('ed25519').privateKey);
const leaves = Array.from({ length: 40 }, (_, at) => leafHash(`entry ${at}`));

function rootOf(from: number, to: number): Uint8Array {
  const tree = new Frontier();
  for (const leaf of leaves.slice(from, to)) tree.append(leaf);
  return tree.root();
}

function noteOf(size: number, root = rootOf(0, size), by = signer): string {
  return writeCheckpoint({ origin, size, root }, by);
}

function request(old: number, size: number, note = noteOf(size)): string {
  const proof = old === 0 ? [] : consistencyRanges(old, size).map(({ from, to }) => rootOf(from, to));
  return `old ${old}\n${proof.map((hash) => `${toBase64(hash)}\n`).join('')}\n${note}`;
}

function witnessIn(folder: string): Witness {
  return new Witness({
    cosigner: own,
    records: witnessFolder(folder),
    clock,
    keysOf: async (asked) => (asked === origin ? [signer.publicKey] : []),
  });
}

test('S4 a witness answers as C2SP tlog-witness says: what goes on is signed, and every other request has its status', async () => {
  await using folder = await temporaryFolder();
  const witness = witnessIn(folder.path);
  const statusOf = async (body: string): Promise<number> => (await witness.addCheckpoint(body)).status;
  assert.equal(await statusOf(request(0, 7)), 200);
  assert.equal(await statusOf(request(7, 7)), 200, 'the same again');
  assert.equal(await statusOf(request(7, 33)), 200);

  const stale = await witness.addCheckpoint(request(7, 33));
  assert.deepEqual([stale.status, stale.type, stale.body], [409, 'text/x.tlog.size', '33\n']);
  assert.equal(await statusOf(request(33, 33, noteOf(33, rootOf(0, 32)))), 409, 'another root of this size');
  assert.equal(await statusOf(request(33, 20)), 400, 'an old size that is larger');
  assert.equal(await statusOf(request(33, 40, noteOf(40, rootOf(1, 40)))), 422, 'a root that does not go on');
  assert.equal(await statusOf(`old 33\n\n${noteOf(40)}`), 422, 'no proof');
  assert.equal(await statusOf(request(33, 40, noteOf(40, rootOf(0, 40), signerOf(origin, 8)))), 403);
  const other = 'example.internal/other';
  const foreign = writeCheckpoint({ origin: other, size: 3, root: rootOf(0, 3) }, signerOf(other));
  assert.equal(await statusOf(`old 0\n\n${foreign}`), 404);
  for (const garbage of ['', 'old', 'old 01\n\n', 'old 1\nAAAA\n\nx\n', `new 3\n\n${noteOf(3)}`]) {
    assert.equal(await statusOf(garbage), 400, garbage);
  }
  // Nothing of all that has changed what it remembers, in another process too.
  assert.equal((await witnessIn(folder.path).addCheckpoint(request(33, 40))).status, 200);
});

test('S4 what it signs is a cosignature/v1 of C2SP tlog-cosignature, over the time and the whole body', async () => {
  await using folder = await temporaryFolder();
  const { body: line } = await witnessIn(folder.path).addCheckpoint(request(0, 7));
  const { body } = splitNote(noteOf(7));
  const key = readWitnessKey(own.vkey);
  assert.equal(cosignedAt(body, [line.trimEnd()], key), 1_679_315_147_000);
  assert.equal(cosignedAt(body.replace('\n7\n', '\n8\n'), [line.trimEnd()], key), null);
  const octets = Buffer.from(line.trimEnd().split(' ')[2] ?? '', 'base64');
  octets[11] = (octets[11] ?? 0) ^ 1;
  assert.equal(cosignedAt(body, [`— ${own.name} ${octets.toString('base64')}`], key), null, 'another time');
});

test('S4 a verifier key holds the name it is of, and the key that is derived for cosigning is always the same and another one', () => {
  const prefix = Buffer.from('302e020100300506032b657004220420', 'hex');
  const seed = createPrivateKey({
    key: Buffer.concat([prefix, Buffer.alloc(32, 1)]),
    format: 'der',
    type: 'pkcs8',
  });
  const made = cosigner('witness.example.com/w1', seed);
  assert.match(made.vkey, /^witness\.example\.com\/w1\+[0-9a-f]{8}\+B[A-Za-z0-9+/]{43}$/);
  assert.throws(() => readWitnessKey(made.vkey.replace('/w1', '/w2')), isFault('invalid_input'));
  assert.notEqual(cosigner('x', derivedCosignerKey(seed)).vkey.split('+')[2], made.vkey.split('+')[2]);
  assert.equal(cosigner('x', derivedCosignerKey(seed)).vkey, cosigner('x', derivedCosignerKey(seed)).vkey);
});

test('S4 a witness that cannot read what it has signed signs nothing of that log', async () => {
  await using folder = await temporaryFolder();
  assert.equal((await witnessIn(folder.path).addCheckpoint(request(0, 7))).status, 200);
  const [name = ''] = await readdir(folder.path);
  const file = join(folder.path, name);
  await writeFile(file, (await readFile(file, 'utf8')).slice(0, 20));
  await assert.rejects(witnessIn(folder.path).addCheckpoint(request(0, 9)), isFault('state_damaged'));
});
