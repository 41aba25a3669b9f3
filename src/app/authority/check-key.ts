import type { KeyObject } from 'node:crypto';
import { readTextFile } from '../../kernel/durable-file.ts';
import { Fault } from '../../kernel/fault.ts';
import { proveKey } from '../../keys/held-key.ts';
import { readCertificate } from '../../x509/certificate.ts';
import { decodePem } from '../../x509/pem.ts';
import type { DataFolder } from './data-folder.ts';
import { type HolderWorld, openSigningKey } from './signing-key-file.ts';

/** How a signing key did. */
export type CheckedKey = {
  /** Where it lives: a reference without its query, or `file`. */
  readonly holder: string;
  readonly signatures: number;
  readonly milliseconds: number;
};

/** Signatures asked for at once. */
const atOnce = 16;

/**
 * Has the intermediate's key sign, the given number of times, and verifies every signature with the certificate. Safe
 * beside a running authority. Throws what opening and using the key throws.
 */
export async function checkKey(
  data: DataFolder,
  world: HolderWorld & { readonly passphrase: () => Promise<string>; readonly signatures: number },
): Promise<CheckedKey> {
  const [der] = decodePem(await readTextFile(data.intermediateCertificate), 'CERTIFICATE');
  if (!der) throw new Fault('state_damaged', `${data.intermediateCertificate} holds no certificate.`);
  const certificate = readCertificate(der);
  await using key = await openSigningKey(data.intermediateKey, certificate, world);
  const before = world.clock.monotonic();
  let left = world.signatures;
  const sign = async (expected: KeyObject): Promise<void> => {
    while (left-- > 0) await proveKey(key, expected);
  };
  await Promise.all(Array.from({ length: atOnce }, () => sign(certificate.publicKey)));
  const milliseconds = Math.max(1, Math.round(world.clock.monotonic() - before));
  return { holder: key.reference?.split('?')[0] ?? 'file', signatures: world.signatures, milliseconds };
}
