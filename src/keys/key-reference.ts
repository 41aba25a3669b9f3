import { Fault } from '../kernel/fault.ts';
import { type AwsKmsReference, readAwsKmsReference } from './aws-kms/reference.ts';
import { type Pkcs11Reference, readPkcs11Reference } from './pkcs11/reference.ts';
import { readVaultReference, type VaultReference } from './vault/reference.ts';

/** Where a signing key lives. */
export type KeyReference = VaultReference | AwsKmsReference | Pkcs11Reference;

type Environment = Readonly<Record<string, string | undefined>>;

const schemes: Readonly<Record<string, (rest: string, environment: Environment) => KeyReference>> = {
  vault: readVaultReference,
  'aws-kms': readAwsKmsReference,
  pkcs11: readPkcs11Reference,
};

/**
 * Reads `vault:…`, `aws-kms:…` or `pkcs11:…`; what a reference leaves out is taken from the variables that the tools of
 * that field use. Throws Fault `invalid_input`.
 */
export function readKeyReference(text: string, environment: Environment): KeyReference {
  const end = text.indexOf(':');
  const read = end < 0 ? undefined : schemes[text.slice(0, end)];
  if (!read) {
    throw new Fault(
      'invalid_input',
      'A key reference begins with vault:, aws-kms: or pkcs11:. Without one, the key is kept in an encrypted file.',
    );
  }
  return read(text.slice(end + 1), environment);
}
