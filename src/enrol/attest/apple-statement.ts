import { equalBytes, sha256 } from '../../kernel/bytes.ts';
import { refusedAttestation } from './attestation-fault.ts';
import { refuseCa } from './attestation-key-certificate.ts';
import { type Challenge, type ReadStatement, readChain } from './attestation-statement.ts';
import type { DeviceName } from './device-name.ts';
import type { CborMap } from './read-cbor.ts';

/** The extensions of Managed Device Attestation. Their values are octets and texts as they are, not DER. */
const [serialNumber, udid, freshnessCode] = [
  '1.2.840.113635.100.8.9.1',
  '1.2.840.113635.100.8.9.2',
  '1.2.840.113635.100.8.11.1',
];

/**
 * Reads a statement of the format `apple` as Managed Device Attestation has it: Apple certified the key of a Secure Enclave, and
 * says in the certificate which device that is. Apple does so before there is an account, so the freshness code is the hash of
 * the token alone (draft-ietf-acme-device-attest §5). Throws Fault `attestation_refused`, `malformed_der`.
 */
export function readAppleStatement(statement: CborMap, { token }: Challenge): ReadStatement {
  const chain = readChain(statement);
  const { extensions, spki } = chain.leaf;
  refuseCa(chain.leaf);
  const code = extensions.get(freshnessCode)?.value;
  if (!code || !equalBytes(code, sha256(token))) {
    throw refusedAttestation('its freshness code is not that of the token of this challenge');
  }
  const names = [serialNumber, udid].flatMap((oid) => nameIn(extensions.get(oid ?? '')?.value));
  return { ...chain, spki, names };
}

function nameIn(octets: Uint8Array | undefined): readonly DeviceName[] {
  const value = octets ? Buffer.from(octets).toString('latin1') : '';
  return /^[0-9A-Za-z-]{1,64}$/.test(value) ? [{ type: 'permanent-identifier', value }] : [];
}
