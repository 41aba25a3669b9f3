import { sha256Base64url } from '../../kernel/bytes.ts';
import { Fault } from '../../kernel/fault.ts';
import { readAndroidStatement } from './android-statement.ts';
import { readAppleStatement } from './apple-statement.ts';
import { refusedAttestation } from './attestation-fault.ts';
import { type AttestationFormat, type AttestationRules, makersFor } from './attestation-rules.ts';
import type { Challenge, ReadStatement } from './attestation-statement.ts';
import type { ChainVerifier } from './chain-verifier.ts';
import type { DeviceName } from './device-name.ts';
import { type CborMap, type CborValue, readCbor } from './read-cbor.ts';
import { readTpmStatement } from './tpm-statement.ts';

/** What an attestation showed: a key that is in the device of that name, in the word of a maker. */
export interface Attestation {
  readonly format: AttestationFormat;
  readonly maker: string;
  /** base64url SHA-256 of the SubjectPublicKeyInfo. */
  readonly keyHash: string;
}

/** How the statements of a format are read, and how strictly their makers write certificates. */
interface Format {
  readonly read: (statement: CborMap, challenge: Challenge) => ReadStatement;
  readonly strict: boolean;
}

const formats: Readonly<Record<AttestationFormat, Format>> = {
  tpm: { read: readTpmStatement, strict: true },
  // Their certificates name no key of the issuer, which RFC 5280 wants.
  apple: { read: readAppleStatement, strict: false },
  'android-key': { read: readAndroidStatement, strict: false },
};

/**
 * Verifies an attestation object (WebAuthn §6.5.4) as draft-ietf-acme-device-attest §5 has it: its statement holds, is about
 * this challenge, names this device, and comes from somebody who may speak for it. Throws Fault `attestation_refused`, or
 * `unavailable` when that cannot be decided.
 */
export async function verifyAttestation(
  object: Uint8Array,
  asked: { readonly challenge: Challenge; readonly device: DeviceName; readonly at: number },
  { rules, chains }: { readonly rules: AttestationRules; readonly chains: ChainVerifier },
): Promise<Attestation> {
  const { device, challenge, at } = asked;
  const { format, statement } = readObject(readCbor(object));
  const { read, strict } = formats[format];
  const { leaf, intermediates, spki, names } = refusing(() => read(statement, challenge));
  if (!names.some(({ type, value }) => type === device.type && value === device.value)) {
    throw refusedAttestation(`it is not about the ${device.type} of this order`);
  }
  const makers = makersFor(device, format, rules);
  const reasons: string[] = [];
  for (const { name: maker, roots } of makers) {
    const why = await chains.verify({ leaf: leaf.der, intermediates, roots, strict, at });
    if (why === null) return { format, maker, keyHash: sha256Base64url(spki) };
    reasons.push(`${maker}: ${why}`);
  }
  throw refusedAttestation(
    makers.length === 0
      ? `nobody's word counts for this device in the format ${format}`
      : `its certificates lead to no root that counts (${reasons.join('; ')})`,
  );
}

function readObject(value: CborValue): { readonly format: AttestationFormat; readonly statement: CborMap } {
  if (!(value instanceof Map)) throw refusedAttestation('it is not a map of fmt and attStmt');
  const object: CborMap = value;
  const format = object.get('fmt');
  const statement = object.get('attStmt');
  if (!isFormat(format)) throw refusedAttestation(`fmt is not one of ${Object.keys(formats).join(', ')}`);
  if (!(statement instanceof Map)) throw refusedAttestation('attStmt is not a map');
  return { format, statement };
}

function isFormat(value: CborValue | undefined): value is AttestationFormat {
  return typeof value === 'string' && Object.hasOwn(formats, value);
}

/** Whatever cannot be read in a statement, in the one word for it. */
function refusing(read: () => ReadStatement): ReadStatement {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Fault) || error.code === 'attestation_refused') throw error;
    throw refusedAttestation(error.message.replace(/\.$/, ''), error);
  }
}
