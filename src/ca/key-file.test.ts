import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { utf8 } from '../kernel/bytes.ts';
import { Fault } from '../kernel/fault.ts';
import { openKey, readKeyFile, sealKey, writeKeyFile } from './key-file.ts';

const fault = (code: string) => ({ name: 'Fault', code });
const cheap = 16;

test('I1 a sealed key opens with its passphrase, whatever its kind, and shows nothing of itself', async () => {
  for (const key of [
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
    generateKeyPairSync('ed25519').privateKey,
  ]) {
    const sealed = await sealKey(key, 'correct horse', cheap);
    assert.ok((await openKey(sealed, 'correct horse')).equals(key));
    const plain = key.export({ type: 'pkcs8', format: 'der' });
    assert.ok(!Buffer.from(sealed).includes(plain.subarray(-32).toString('base64url')));
  }
});

test('I1 the default work factor is scrypt with N = 2^17', async () => {
  const key = generateKeyPairSync('ed25519').privateKey;
  const sealed = await sealKey(key, 'correct horse');
  assert.equal(JSON.parse(Buffer.from(sealed).toString()).cost, 131_072);
  assert.ok((await openKey(sealed, 'correct horse')).equals(key));
});

test('I1 refuses a wrong or an empty passphrase', async () => {
  const key = generateKeyPairSync('ed25519').privateKey;
  const sealed = await sealKey(key, 'correct horse', cheap);
  await assert.rejects(openKey(sealed, 'correct  horse'), fault('passphrase_wrong'));
  await assert.rejects(openKey(sealed, ''), fault('passphrase_required'));
  await assert.rejects(sealKey(key, '', cheap), fault('passphrase_required'));
});

test('I1 the same passphrase in another Unicode form opens the key', async () => {
  const key = generateKeyPairSync('ed25519').privateKey;
  const sealed = await sealKey(key, 'caf\u00e9', cheap);
  assert.ok((await openKey(sealed, 'cafe\u0301')).equals(key));
});

test('I1 a key file that is cut, changed or foreign is called damaged, not a wrong passphrase', async () => {
  const sealed = await sealKey(generateKeyPairSync('ed25519').privateKey, 'correct horse', cheap);
  await fc.assert(
    fc.asyncProperty(fc.nat(sealed.length - 2), fc.integer({ min: 1, max: 255 }), async (at, change) => {
      const flipped = sealed.slice();
      flipped[at] = (flipped[at] ?? 0) ^ change;
      await assert.rejects(openKey(flipped, 'correct horse'), fault('state_damaged'));
      await assert.rejects(openKey(sealed.slice(0, at), 'correct horse'), fault('state_damaged'));
    }),
    { numRuns: 60 },
  );
  for (const text of ['', 'null', '[]', '{}', '-----BEGIN PRIVATE KEY-----']) {
    await assert.rejects(openKey(utf8(text), 'correct horse'), fault('state_damaged'));
  }
});

test('I1 key files are 0600 and refused when others may read them', {
  skip: process.platform === 'win32' && 'Windows has no file modes',
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-'));
  try {
    const path = join(folder, 'key.json');
    const key = generateKeyPairSync('ed25519').privateKey;
    await writeKeyFile(path, key, 'correct horse', cheap);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.ok((await readKeyFile(path, 'correct horse')).equals(key));
    assert.ok(!(await readFile(path, 'utf8')).includes('PRIVATE'));
    await chmod(path, 0o644);
    await assert.rejects(
      readKeyFile(path, 'correct horse'),
      (error) => error instanceof Fault && error.code === 'file_mode',
    );
    await assert.rejects(readKeyFile(join(folder, 'none'), 'correct horse'), fault('not_found'));
  } finally {
    await rm(folder, { recursive: true });
  }
});
