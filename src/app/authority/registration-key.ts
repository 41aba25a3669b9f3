import { generateKeyPair, type KeyObject } from 'node:crypto';
import { access } from 'node:fs/promises';
import { promisify } from 'node:util';
import { writeKeyFile } from '../../ca/key-file.ts';
import { Fault } from '../../kernel/fault.ts';
import { readKeyFile } from './signing-key-file.ts';

/** Strong for as long as anybody keeps what was encrypted to it, and every client can. */
const bits = 3_072;

/**
 * The key that SCEP clients encrypt to and whose signatures they check. RSA, because SCEP has no other way; made when the
 * door is opened for the first time and kept sealed like the others. Throws Fault `passphrase_wrong`, `state_damaged`, ….
 */
export async function openRegistrationKey(file: string, passphrase: string): Promise<KeyObject> {
  if (await isMissing(file)) {
    const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: bits });
    await writeKeyFile(file, privateKey, passphrase);
    return privateKey;
  }
  const key = await readKeyFile(file, passphrase);
  if (key.asymmetricKeyType === 'rsa') return key;
  throw new Fault('state_damaged', `${file} does not hold an RSA key. Restore the folder from a backup.`);
}

async function isMissing(file: string): Promise<boolean> {
  try {
    await access(file);
    return false;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return true;
    throw error;
  }
}
