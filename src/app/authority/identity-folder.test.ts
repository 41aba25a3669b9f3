import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { certify } from '../../ca/certify.ts';
import { memoryAuthority } from '../../ca/memory-authority.ts';
import { pemOfCertificate } from '../../ca/pem-of-certificate.ts';
import { specimenOrder, specimenRequest } from '../../ca/specimen-request.ts';
import { readIdentityFolder, writeIdentityFolder } from './identity-folder.ts';

const fault = (code: string) => ({ name: 'Fault', code });
const authority = memoryAuthority();

async function issue(): Promise<{
  readonly key: KeyObject;
  readonly certificate: string;
  readonly roots: string;
}> {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const request = specimenRequest('ci-bot', {}, key);
  const { der } = await certify(specimenOrder({ request }), authority);
  const roots = pemOfCertificate(authority.made.rootCertificate.der);
  return { key, certificate: pemOfCertificate(der), roots };
}

async function inFolder(act: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-'));
  try {
    await act(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('U9 what is written is read again, the key 0600, and nothing else lies there', () =>
  inFolder(async (folder) => {
    const first = await issue();
    await writeIdentityFolder(folder, first.key, first);
    const read = await readIdentityFolder(folder);
    assert.deepEqual([read.certificate, read.authorities], [first.certificate, first.roots]);
    assert.deepEqual((await readdir(folder)).sort(), ['certificate.pem', 'key.pem', 'roots.pem']);
    assert.equal((await stat(join(folder, 'key.pem'))).mode & 0o777, 0o600);
  }));

test('I6 whenever a renewal is cut off while it writes, the folder holds a certificate with its key', () =>
  inFolder(async (folder) => {
    const [first, second, third] = [await issue(), await issue(), await issue()];
    await writeIdentityFolder(folder, first.key, first);
    // Cut off after the new key was written: the old pair counts.
    await writeFile(join(folder, 'next-key.pem'), pem(second.key), { mode: 0o600 });
    assert.equal((await readIdentityFolder(folder)).key, pem(first.key));
    // Cut off after the new certificate was written: the new pair counts, under its first name.
    await writeFile(join(folder, 'certificate.pem'), second.certificate);
    assert.equal((await readIdentityFolder(folder)).key, pem(second.key));
    // The next renewal first gives that key its name, so that it is not lost while the newest is written.
    await rm(join(folder, 'key.pem'));
    await writeIdentityFolder(folder, third.key, third);
    assert.equal((await readIdentityFolder(folder)).key, pem(third.key));
    assert.deepEqual((await readdir(folder)).sort(), ['certificate.pem', 'key.pem', 'roots.pem']);
  }));

test('bad input: refuses a folder without certificate, with the key of another, or with a key that others can read', () =>
  inFolder(async (folder) => {
    await assert.rejects(readIdentityFolder(folder), fault('not_found'));
    const [first, second] = [await issue(), await issue()];
    await writeIdentityFolder(folder, first.key, first);
    await writeFile(join(folder, 'key.pem'), pem(second.key));
    await assert.rejects(readIdentityFolder(folder), fault('state_damaged'));
    await writeFile(join(folder, 'key.pem'), 'no key');
    await assert.rejects(readIdentityFolder(folder), fault('state_damaged'));
    await chmod(join(folder, 'key.pem'), 0o644);
    await assert.rejects(readIdentityFolder(folder), fault('file_mode'));
    assert.equal(await readFile(join(folder, 'certificate.pem'), 'utf8'), first.certificate);
  }));

function pem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' });
}
