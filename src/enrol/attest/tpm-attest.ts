import { refusedAttestation } from './attestation-fault.ts';
import { TpmOctets } from './tpm-octets.ts';

/** What a TPM certified of one of its keys (TPMS_ATTEST with TPMS_CERTIFY_INFO), read. */
export interface TpmCertification {
  readonly extraData: Uint8Array;
  /** The name of the key. */
  readonly name: Uint8Array;
}

/** TPM_GENERATED_VALUE: a restricted key signs nothing from outside that begins with it. */
const generated = 0xff544347;
/** TPM_ST_ATTEST_CERTIFY. */
const certify = 0x8017;
const longestName = 66;

/** Reads one whole (TPM 2.0 Library Specification, Part 2, §10.12.12). Throws Fault `attestation_refused`. */
export function readTpmCertification(octets: Uint8Array): TpmCertification {
  const reader = new TpmOctets(octets, 'certInfo');
  if (reader.u32() !== generated)
    throw refusedAttestation('certInfo was not made by a TPM: its magic is another');
  if (reader.u16() !== certify) throw refusedAttestation('certInfo does not certify a key');
  reader.sized(longestName);
  const extraData = reader.sized(64);
  // clockInfo: 64 bits of clock, resetCount, restartCount, safe; then 64 bits of firmwareVersion.
  reader.skip(8 + 4 + 4 + 1 + 8);
  const name = reader.sized(longestName);
  reader.sized(longestName);
  reader.end();
  return { extraData, name };
}
