import assert from 'node:assert/strict';
import { createHash, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { test } from 'node:test';
import { sha256, toHex } from '../kernel/bytes.ts';
import { checkpointSigner, noteKeyId, readCheckpoint, writeCheckpoint } from './checkpoint.ts';
import { isFault, origin, signer, signerOf } from './log.fixture.ts';

const checkpoint = { origin, size: 12, root: sha256('root') };

test('S4 a key id is the one that Go computes for the key of its signed-note example', () => {
  // golang.org/x/mod/sumdb/note, the verifier key and the note of its package example.
  const [name = '', id = '', key = ''] =
    'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'.split('+', 3);
  const x = Buffer.from(key, 'base64').subarray(1).toString('base64url');
  const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  assert.equal(toHex(noteKeyId(name, publicKey)), id);
  const text =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
  const signature = Buffer.from(
    'x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=',
    'base64',
  );
  assert.equal(signature.subarray(0, 4).toString('hex'), id);
  assert.ok(verify(null, Buffer.from(text), publicKey, signature.subarray(4)));
});

test('S4 a checkpoint is a signed note with origin, size and root, as anybody with the key can check', () => {
  const lines = writeCheckpoint(checkpoint, signer).split('\n');
  const [first, size, root, blank, signed = '', end] = lines;
  assert.deepEqual([first, size, blank, end, lines.length], [origin, '12', '', '', 6]);
  assert.equal(root, createHash('sha256').update('root').digest('base64'));
  const match = /^— example\.internal\/gateway (\S+)$/.exec(signed);
  const octets = Buffer.from(match?.[1] ?? '', 'base64');
  assert.deepEqual(octets.subarray(0, 4), Buffer.from(noteKeyId(origin, signer.publicKey)));
  assert.ok(verify(null, Buffer.from(`${origin}\n12\n${root}\n`), signer.publicKey, octets.subarray(4)));
});

test('S4 a checkpoint reads back as it was written', () => {
  const read = readCheckpoint(writeCheckpoint(checkpoint, signer), signer.publicKey);
  assert.deepEqual({ ...read, root: toHex(read.root) }, { ...checkpoint, root: toHex(checkpoint.root) });
});

test('S4 a checkpoint with any octet changed, or by another key, is refused', () => {
  const note = Buffer.from(writeCheckpoint(checkpoint, signer));
  for (let at = 0; at < note.length; at++) {
    const forged = Buffer.from(note);
    forged[at] = (forged[at] ?? 0) ^ 1;
    assert.throws(
      () => readCheckpoint(forged.toString(), signer.publicKey),
      isFault('audit_broken'),
      `${at}`,
    );
  }
  const other = signerOf(origin, 8).publicKey;
  assert.throws(() => readCheckpoint(note.toString(), other), isFault('audit_broken'));
});

test('S4 only an Ed25519 key signs checkpoints', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  assert.throws(() => checkpointSigner(origin, privateKey), TypeError);
});
