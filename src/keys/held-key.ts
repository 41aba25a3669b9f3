import { type KeyObject, verify } from 'node:crypto';
import type { SigningKey } from '../ca/issuer.ts';
import { concat, utf8 } from '../kernel/bytes.ts';
import type { Clock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import { randomBytes } from '../kernel/random.ts';
import type { SecretResolver } from '../secrets/resolve.ts';
import { decodePem } from '../x509/pem.ts';
import { keyKindOf, readPublicKey } from '../x509/public-key.ts';
import type { HolderLimits } from '../secrets/holder-limits.ts';

/** A signing key that lives elsewhere: only digests go there, only signatures and the public key come back. */
export interface HeldKey extends SigningKey, AsyncDisposable {
  /** The reference that opens this very key again, with everything that was left open filled in. Holds no secret. */
  readonly reference: string;
  /** What a person should know of how the key is kept; nothing is as it should be. */
  readonly notes: readonly string[];
}

/** What opening a key needs of the world. */
export interface HolderContext {
  /** Resolves the credentials that a reference points to, anew each time they are used. */
  readonly secrets: SecretResolver;
  /** For what field-standard variables say, such as VAULT_ADDR or AWS_PROFILE. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly limits: HolderLimits;
  /** Whether a key that does not exist is made; otherwise that is a Fault `not_found`. */
  readonly create: boolean;
}

// Text in front, so that no signature of ours over it can be one of a certificate, a CRL or an OCSP response: those
// begin with the octet of a SEQUENCE.
const challengeText = 'countersign proof of a signing key, not a certificate\n';

/**
 * Has the key sign something that is not a certificate: it is the expected one, and its holder lets us use it.
 * Throws Fault `key_refused`, and what the key throws.
 */
export async function proveKey(key: SigningKey, expected: KeyObject): Promise<void> {
  if (!key.publicKey.equals(expected)) {
    throw new Fault(
      'key_refused',
      'The key found is not the one of the certificate. Name the key that the certificate was made for.',
    );
  }
  const challenge = concat([utf8(challengeText), randomBytes(32)]);
  if (verify('sha256', challenge, expected, await key.sign(challenge))) return;
  throw new Fault(
    'key_refused',
    'The holder gave a signature that its own public key does not verify. Nothing it signs can be used.',
  );
}

/**
 * The public key that a holder told of, in DER or PEM. Throws Fault `key_refused` unless it is P-256: its signatures are what leaves of
 * ours carry.
 */
export function readHeldPublicKey(spki: Uint8Array | string, where: string): KeyObject {
  let key: KeyObject;
  try {
    key = readPublicKey(typeof spki === 'string' ? firstOf(decodePem(spki, 'PUBLIC KEY')) : spki);
  } catch (cause) {
    throw new Fault('key_refused', `${where} gave a public key that cannot be read.`, { cause });
  }
  if (keyKindOf(key) === 'P-256') return key;
  throw new Fault('key_refused', `${where} is a key of kind ${keyKindOf(key)}. Name a P-256 key that signs.`);
}

function firstOf(blocks: readonly Uint8Array[]): Uint8Array {
  return blocks[0] ?? new Uint8Array();
}
