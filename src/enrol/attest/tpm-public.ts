import { createPublicKey, hash } from 'node:crypto';
import { concat, toBase64url } from '../../kernel/bytes.ts';
import { refusedAttestation } from './attestation-fault.ts';
import { tpmAlgorithms, tpmCurves, tpmHashes } from './tpm-algorithms.ts';
import { TpmOctets } from './tpm-octets.ts';

/** The public area of a key of a TPM (TPMT_PUBLIC), read. */
export interface TpmPublic {
  /** The name of the object: the algorithm of its hash, then that hash over the octets (Part 1, §16). */
  readonly name: Uint8Array;
  readonly attributes: number;
  /** DER of the SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
}

/** Bits of TPMA_OBJECT (Part 2, §8.3). */
export const objectAttributes = {
  fixedTpm: 1 << 1,
  fixedParent: 1 << 4,
  sensitiveDataOrigin: 1 << 5,
  restricted: 1 << 16,
  sign: 1 << 18,
} as const;

/** Reads a public area of an RSA or ECC key whole. Throws Fault `attestation_refused`. */
export function readTpmPublic(octets: Uint8Array): TpmPublic {
  const reader = new TpmOctets(octets, 'pubArea');
  const type = reader.u16();
  const nameAlgorithm = reader.u16();
  const digest = tpmHashes.get(nameAlgorithm);
  if (!digest) throw refusedAttestation('the key of the TPM is named with another hash than SHA-2');
  const attributes = reader.u32();
  reader.sized(64);
  const jwk =
    type === tpmAlgorithms.rsa ? readRsa(reader) : type === tpmAlgorithms.ecc ? readEcc(reader) : null;
  if (!jwk) throw refusedAttestation('the key of the TPM is neither RSA nor ECC');
  reader.end();
  const named = Uint8Array.of(nameAlgorithm >> 8, nameAlgorithm & 0xff);
  return { name: concat([named, hash(digest, octets, 'buffer')]), attributes, spki: spkiOf(jwk) };
}

type PublicJwk = Readonly<Record<string, string>>;

/** TPMS_RSA_PARMS, then the modulus. */
function readRsa(reader: TpmOctets): PublicJwk {
  skipSymmetric(reader);
  skipScheme(reader);
  const bits = reader.u16();
  // Part 2, §12.2.3.5: 0 stands for 65537.
  const exponent = reader.u32() || 65_537;
  const modulus = reader.sized(1_024);
  if (modulus.length * 8 !== bits || ((modulus[0] ?? 0) & 0x80) === 0) {
    throw reader.malformed('its modulus has not the length that it says');
  }
  const e = Buffer.alloc(4);
  e.writeUInt32BE(exponent);
  return {
    kty: 'RSA',
    n: toBase64url(modulus),
    e: toBase64url(e.subarray(e.findIndex((octet) => octet > 0))),
  };
}

/** TPMS_ECC_PARMS, then the point. */
function readEcc(reader: TpmOctets): PublicJwk {
  skipSymmetric(reader);
  skipScheme(reader);
  const curve = tpmCurves.get(reader.u16());
  skipScheme(reader);
  const x = reader.sized(66);
  const y = reader.sized(66);
  if (!curve) throw refusedAttestation('the key of the TPM is on another curve than P-256, P-384 or P-521');
  const { crv, size } = curve;
  return { kty: 'EC', crv, x: toBase64url(padded(x, size)), y: toBase64url(padded(y, size)) };
}

/** TPMT_SYM_DEF_OBJECT: what protects the children of a storage key. A key that signs has none. */
function skipSymmetric(reader: TpmOctets): void {
  if (reader.u16() !== tpmAlgorithms.null) throw reader.malformed('it is of a key that stores others');
}

/** A scheme that is not given, or one with a hash: RSASSA, RSAPSS, ECDSA, and the derivations of TPMT_KDF_SCHEME. */
function skipScheme(reader: TpmOctets): void {
  const scheme = reader.u16();
  if (scheme === tpmAlgorithms.null) return;
  const known: readonly number[] = [tpmAlgorithms.rsassa, tpmAlgorithms.rsapss, tpmAlgorithms.ecdsa];
  if (!known.includes(scheme)) throw reader.malformed('it has a scheme that is not for signatures');
  reader.u16();
}

/** An octet string that some TPMs write without the zeros in front, in `size` octets. */
export function padded(octets: Uint8Array, size: number): Uint8Array {
  if (octets.length > size) throw refusedAttestation('a number of the TPM is larger than its curve');
  return concat([new Uint8Array(size - octets.length), octets]);
}

function spkiOf(jwk: PublicJwk): Uint8Array {
  try {
    const key = createPublicKey({ key: { ...jwk }, format: 'jwk' });
    return new Uint8Array(key.export({ type: 'spki', format: 'der' }));
  } catch (cause) {
    throw refusedAttestation('pubArea holds no key that can be used', cause);
  }
}
