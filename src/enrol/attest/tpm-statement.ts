import { hash, type KeyObject, verify } from 'node:crypto';
import { concat, equalBytes } from '../../kernel/bytes.ts';
import { checkPublicKey } from '../../x509/public-key.ts';
import { refusedAttestation } from './attestation-fault.ts';
import { readAttestationKeyCertificate } from './attestation-key-certificate.ts';
import { type Challenge, octetsOf, type ReadStatement, readChain } from './attestation-statement.ts';
import { type CoseAlgorithm, coseAlgorithms } from './cose-algorithms.ts';
import type { CborMap } from './read-cbor.ts';
import { tpmAlgorithms, tpmHashes } from './tpm-algorithms.ts';
import { readTpmCertification } from './tpm-attest.ts';
import { TpmOctets } from './tpm-octets.ts';
import { objectAttributes, padded, readTpmPublic, type TpmPublic } from './tpm-public.ts';

/**
 * Reads a statement of the format `tpm` (WebAuthn §8.3) about the key authorization: the attestation key of a TPM signed that
 * the key of `pubArea` is in the same TPM. Throws Fault `attestation_refused`, `malformed_der`, `key_unacceptable`.
 */
export function readTpmStatement(statement: CborMap, { keyAuthorization }: Challenge): ReadStatement {
  if (statement.get('ver') !== '2.0') throw refusedAttestation('ver is not 2.0');
  const number = statement.get('alg');
  const algorithm = typeof number === 'number' ? coseAlgorithms.get(number) : undefined;
  if (!algorithm) {
    throw refusedAttestation(`alg is not one of ${[...coseAlgorithms.keys()].join(', ')}`);
  }
  const chain = readChain(statement);
  const names = readAttestationKeyCertificate(chain.leaf);
  const certInfo = octetsOf(statement.get('certInfo'), 'certInfo');
  const { extraData, name } = readTpmCertification(certInfo);
  // The draft's §5: the key authorization takes the place of authenticator data and client data.
  if (!equalBytes(extraData, hash(algorithm.hash, keyAuthorization, 'buffer'))) {
    throw refusedAttestation('certInfo is not about the key authorization of this challenge and account');
  }
  const key = readTpmPublic(octetsOf(statement.get('pubArea'), 'pubArea'));
  if (!equalBytes(name, key.name)) throw refusedAttestation('certInfo is about another key than pubArea');
  checkSigned(certInfo, octetsOf(statement.get('sig'), 'sig'), algorithm, chain.leaf.publicKey);
  checkHeld(key);
  return { ...chain, names, spki: key.spki };
}

/** The key was made in the TPM, cannot leave it, and signs what it is given. */
function checkHeld({ attributes }: TpmPublic): void {
  const { fixedTpm, fixedParent, sensitiveDataOrigin, sign, restricted } = objectAttributes;
  const needed = fixedTpm | fixedParent | sensitiveDataOrigin | sign;
  if ((attributes & needed) !== needed) {
    throw refusedAttestation('the key may be copied, came from elsewhere, or does not sign');
  }
  if ((attributes & restricted) !== 0)
    throw refusedAttestation('the key is restricted to what the TPM makes');
}

function checkSigned(certInfo: Uint8Array, sig: Uint8Array, algorithm: CoseAlgorithm, key: KeyObject): void {
  checkPublicKey(key);
  if (key.asymmetricKeyType !== algorithm.key)
    throw refusedAttestation('alg is not one of the attestation key');
  const signature = readTpmSignature(sig, algorithm, key);
  if (!verify(algorithm.hash, certInfo, { key, dsaEncoding: 'ieee-p1363' }, signature)) {
    throw refusedAttestation('certInfo was not signed by the attestation key');
  }
}

const coordinates: Readonly<Record<string, number>> = { prime256v1: 32, secp384r1: 48, secp521r1: 66 };

/** The signature in a TPMT_SIGNATURE (Part 2, §11.3.4), which must be of the algorithm. */
function readTpmSignature(octets: Uint8Array, algorithm: CoseAlgorithm, key: KeyObject): Uint8Array {
  const reader = new TpmOctets(octets, 'sig');
  const scheme = algorithm.key === 'ec' ? tpmAlgorithms.ecdsa : tpmAlgorithms.rsassa;
  if (reader.u16() !== scheme || tpmHashes.get(reader.u16()) !== algorithm.hash) {
    throw refusedAttestation('sig is of another algorithm than alg');
  }
  const first = reader.sized(1_024);
  if (algorithm.key === 'rsa') {
    reader.end();
    return first;
  }
  const second = reader.sized(66);
  reader.end();
  const size = coordinates[key.asymmetricKeyDetails?.namedCurve ?? ''] ?? 0;
  return concat([padded(first, size), padded(second, size)]);
}
