import type { KeyObject } from 'node:crypto';
import { utf8 } from '../../kernel/bytes.ts';
import { proveKey } from '../../keys/held-key.ts';
import type { DataFolder } from './data-folder.ts';
import { readIssuers } from './issuers-file.ts';
import { type HolderWorld, openKeptKey, openSigningKey } from './signing-key-file.ts';

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
  const { certificate, key: kept } = (await readIssuers(data)).issuing;
  await using key = kept
    ? await openKeptKey(data.issuers, utf8(JSON.stringify(kept)), { ...world, certificate })
    : await openSigningKey(data.intermediateKey, certificate, world);
  const before = world.clock.monotonic();
  let left = world.signatures;
  const sign = async (expected: KeyObject): Promise<void> => {
    while (left-- > 0) await proveKey(key, expected);
  };
  await Promise.all(Array.from({ length: atOnce }, () => sign(certificate.publicKey)));
  const milliseconds = Math.max(1, Math.round(world.clock.monotonic() - before));
  return { holder: key.reference?.split('?')[0] ?? 'file', signatures: world.signatures, milliseconds };
}
