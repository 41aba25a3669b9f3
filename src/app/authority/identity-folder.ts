import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { readPrivateFile, readTextFile, syncFolder, writeDurably } from '../../kernel/durable-file.ts';
import { Fault } from '../../kernel/fault.ts';
import { readCertificate } from '../../x509/certificate.ts';
import { decodePem } from '../../x509/pem.ts';
import type { AdminIdentity } from '../admin/remote-administration.ts';

const names = {
  key: 'key.pem',
  /** A key whose certificate is not in place yet; the one in use when it is and the key was not renamed before a crash. */
  nextKey: 'next-key.pem',
  certificate: 'certificate.pem',
  roots: 'roots.pem',
} as const;

/**
 * A certificate, its key and the roots, as `cert issue` writes them into a folder. Throws Fault `not_found`, `file_mode`,
 * or `state_damaged` when no key in the folder is the certificate's.
 */
export async function readIdentityFolder(folder: string): Promise<AdminIdentity> {
  const certificate = await readTextFile(join(folder, names.certificate));
  const authorities = await readTextFile(join(folder, names.roots));
  for (const name of [names.key, names.nextKey]) {
    const key = await readKey(join(folder, name));
    if (key !== null && belongsTo(certificate, key)) return { certificate, key, authorities };
  }
  throw new Fault(
    'state_damaged',
    `${folder} has no key that belongs to its ${names.certificate}. Have a new certificate issued: countersign cert issue`,
  );
}

/** Certificate and key are never seen apart: the new key waits under another name until its certificate is in place. */
export async function writeIdentityFolder(
  folder: string,
  key: KeyObject,
  delivery: { readonly certificate: string; readonly roots: string },
): Promise<void> {
  await finishWriting(folder);
  await writeDurably(join(folder, names.nextKey), key.export({ type: 'pkcs8', format: 'pem' }));
  await writeDurably(join(folder, names.roots), delivery.roots, 0o644);
  await writeDurably(join(folder, names.certificate), delivery.certificate, 0o644);
  await rename(join(folder, names.nextKey), join(folder, names.key));
  await syncFolder(folder);
}

/** A crash may have come between a certificate and the name of its key; a new key must not replace that one. */
async function finishWriting(folder: string): Promise<void> {
  const certificate = await readIfThere(readTextFile(join(folder, names.certificate)));
  const next = await readKey(join(folder, names.nextKey));
  if (certificate === null || next === null || !belongsTo(certificate, next)) return;
  await rename(join(folder, names.nextKey), join(folder, names.key));
}

async function readKey(file: string): Promise<string | null> {
  const key = await readIfThere(readPrivateFile(file));
  return key && Buffer.from(key).toString('utf8');
}

async function readIfThere<Content>(reading: Promise<Content>): Promise<Content | null> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof Fault && error.code === 'not_found') return null;
    throw error;
  }
}

function belongsTo(certificate: string, key: string): boolean {
  try {
    const [leaf] = decodePem(certificate, 'CERTIFICATE');
    return leaf !== undefined && readCertificate(leaf).publicKey.equals(publicHalf(key));
  } catch {
    return false;
  }
}

function publicHalf(key: string): KeyObject {
  return createPublicKey(createPrivateKey(key));
}
