import { type KeyObject, verify } from 'node:crypto';
import { equalBytes, sha256, utf8 } from '../../kernel/bytes.ts';
import { tags } from '../../x509/der.ts';
import { readBoolean, readSmall, SequenceReader } from '../../x509/der-reader.ts';
import { checkPublicKey } from '../../x509/public-key.ts';
import {
  type AndroidKeyDescription,
  type AuthorizationList,
  readAndroidKeyDescription,
  readEnumerated,
  readNumbers,
} from './android-key-description.ts';
import { refusedAttestation } from './attestation-fault.ts';
import { refuseCa } from './attestation-key-certificate.ts';
import { type Challenge, octetsOf, type ReadStatement, readChain } from './attestation-statement.ts';
import { coseAlgorithms } from './cose-algorithms.ts';
import type { DeviceName } from './device-name.ts';
import type { CborMap } from './read-cbor.ts';

const keyDescription = '1.3.6.1.4.1.11129.2.1.17';

/** The tags of an AuthorizationList that are looked at. */
const authorizations = {
  purpose: 1,
  allApplications: 600,
  origin: 702,
  rootOfTrust: 704,
  serial: 713,
} as const;
/** KM_PURPOSE_SIGN, KM_ORIGIN_GENERATED, VerifiedBootState Verified. */
const [sign, generated, verified] = [2, 0, 0];

/**
 * Reads a statement of the format `android-key` (WebAuthn §8.4): the keystore's certificate for a key of trusted hardware, whose
 * challenge is the hash of the key authorization, and a signature over that with the key. Throws Fault `attestation_refused`,
 * `malformed_der`, `key_unacceptable`.
 */
export function readAndroidStatement(statement: CborMap, { keyAuthorization }: Challenge): ReadStatement {
  const chain = readChain(statement);
  const { extensions, spki, publicKey } = chain.leaf;
  refuseCa(chain.leaf);
  checkSigned(statement, utf8(keyAuthorization), publicKey);
  const extension = extensions.get(keyDescription);
  if (!extension) throw refusedAttestation(`the first certificate has no extension ${keyDescription}`);
  const description = readAndroidKeyDescription(extension.value);
  if (!equalBytes(description.challenge, sha256(keyAuthorization))) {
    throw refusedAttestation(
      'its challenge is not the hash of the key authorization of this challenge and account',
    );
  }
  checkHeld(description);
  return { ...chain, spki, names: serialIn(description.hardwareEnforced) };
}

/** The key was made in trusted hardware of a device that starts only what it should, and signs. */
function checkHeld({ securityLevels, softwareEnforced, hardwareEnforced }: AndroidKeyDescription): void {
  if (securityLevels.some((level) => level !== 1 && level !== 2)) {
    throw refusedAttestation('the key is not in trusted hardware');
  }
  const { purpose, origin, allApplications, rootOfTrust } = authorizations;
  // WebAuthn §8.4.
  if (softwareEnforced.has(allApplications) || hardwareEnforced.has(allApplications)) {
    throw refusedAttestation('every application of the device can use the key');
  }
  const made = hardwareEnforced.get(origin);
  const uses = hardwareEnforced.get(purpose);
  if (!made || readSmall(made) !== generated || !uses || !readNumbers(uses).includes(sign)) {
    throw refusedAttestation('the key came from elsewhere, or does not sign');
  }
  const trust = hardwareEnforced.get(rootOfTrust);
  if (!trust) throw refusedAttestation('the device does not say what it was started with');
  const reader = new SequenceReader(trust);
  reader.next(tags.octetString);
  const locked = readBoolean(reader.next(tags.boolean));
  const state = readEnumerated(reader.next(tags.enumerated));
  if (!locked || state !== verified)
    throw refusedAttestation('the device is unlocked, or was not started verified');
}

function serialIn(list: AuthorizationList): readonly DeviceName[] {
  const serial = list.get(authorizations.serial);
  const value = serial?.tag === tags.octetString ? Buffer.from(serial.content).toString('latin1') : '';
  return /^[\x21-\x2e\x30-\x7e]{1,128}$/.test(value) ? [{ type: 'permanent-identifier', value }] : [];
}

function checkSigned(statement: CborMap, data: Uint8Array, key: KeyObject): void {
  const number = statement.get('alg');
  const algorithm = typeof number === 'number' ? coseAlgorithms.get(number) : undefined;
  checkPublicKey(key);
  if (!algorithm || algorithm.key !== key.asymmetricKeyType)
    throw refusedAttestation('alg is not one of the key');
  if (!verify(algorithm.hash, data, key, octetsOf(statement.get('sig'), 'sig'))) {
    throw refusedAttestation('sig was not made with the key over the key authorization');
  }
}
