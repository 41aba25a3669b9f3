import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readRootKey, readRootToImport, requireKeyOf } from '../../ca/import-root.ts';
import type { SigningKey } from '../../ca/issuer.ts';
import { sealKey } from '../../ca/key-file.ts';
import { signingKey } from '../../ca/signing-key.ts';
import { Fault } from '../../kernel/fault.ts';
import { proveKey } from '../../keys/held-key.ts';
import { readKeyReference } from '../../keys/key-reference.ts';
import { openHeldKey } from '../../keys/open-key.ts';
import type { Certificate } from '../../x509/certificate.ts';
import type { InitOrder } from './init-authority.ts';
import { holderContext, type HolderWorld, keyReferenceFile } from './signing-key-file.ts';

/** A key of a new authority. */
export interface NewKey {
  readonly key: SigningKey;
  /** Whether it lives elsewhere. */
  readonly held: boolean;
  /** What its file will hold: the sealed key, or where it lives; null when nothing is kept of it. */
  readonly content: (passphrase: string) => Promise<Uint8Array | string | null>;
  /** What a person should know of how it is held. */
  readonly notes: readonly string[];
}

/** The keys that a new authority begins with, and the root that is there already. */
export interface NewKeys extends AsyncDisposable {
  readonly root: NewKey;
  readonly intermediate: NewKey;
  readonly rootCertificate: Certificate | null;
}

/**
 * Makes keys here, or opens or makes them where the order says that they live. Throws Fault `invalid_input`,
 * `key_refused`, `unavailable`, and what reading a root to import throws.
 */
export async function chooseKeys(order: InitOrder): Promise<NewKeys> {
  const { imported, keys } = order;
  const rootCertificate = imported && readRootToImport(imported.certificate, order);
  await using opened = new AsyncDisposableStack();
  const root = imported?.key
    ? importedKey(readRootKey(imported.key.pem, imported.key.passphrase ?? undefined))
    : await newKey(keys.root, order, opened);
  if (rootCertificate) requireKeyOf(rootCertificate, root.key.publicKey);
  const intermediate = await newKey(keys.intermediate, order, opened);
  if (root.key.publicKey.equals(intermediate.key.publicKey)) {
    throw new Fault(
      'invalid_input',
      'Root and intermediate would have the same key, so neither could be replaced alone. Name two keys.',
    );
  }
  const held = opened.move();
  return { root, intermediate, rootCertificate, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

/** A new key, here or where the reference says. Throws Fault `invalid_input`, `key_refused`, `unavailable`. */
export async function newKey(
  reference: string | null,
  world: HolderWorld & { readonly sealCost?: number | undefined },
  opened: AsyncDisposableStack,
): Promise<NewKey> {
  if (reference === null) {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    return {
      key: signingKey(privateKey),
      held: false,
      content: (passphrase) => sealKey(privateKey, passphrase, world.sealCost),
      notes: [],
    };
  }
  const context = holderContext(world, true);
  const key = opened.use(await openHeldKey(readKeyReference(reference, world.environment), context));
  await proveKey(key, key.publicKey);
  return { key, held: true, content: async () => keyReferenceFile(key.reference), notes: key.notes };
}

/** The key of an imported root is used once and not kept. */
function importedKey(key: KeyObject): NewKey {
  return { key: signingKey(key), held: false, content: async () => null, notes: [] };
}
