import { assertNever } from '../kernel/assert-never.ts';
import { openKmsKey } from './aws-kms/kms-key.ts';
import type { HeldKey, HolderContext } from './held-key.ts';
import type { KeyReference } from './key-reference.ts';
import { openTokenKey } from './pkcs11/token-key.ts';
import { openTransitKey } from './vault/transit-key.ts';

/**
 * Opens a key where it lives. Throws Fault `not_found`, `key_refused` for what a person must mend, `unavailable` for
 * what may pass, `secret_unresolved`, `file_mode`.
 */
export function openHeldKey(reference: KeyReference, context: HolderContext): Promise<HeldKey> {
  switch (reference.kind) {
    case 'vault':
      return openTransitKey(reference, context);
    case 'aws-kms':
      return openKmsKey(reference, context);
    case 'pkcs11':
      return openTokenKey(reference, context);
    default:
      return assertNever(reference);
  }
}
