import {
  readElement,
  readElements,
  readOid,
  SequenceReader,
  type DerElement,
} from '../../x509/der-reader.ts';
import { tags } from '../../x509/der.ts';
import type { ForeignCertificate } from '../../x509/foreign-certificate.ts';
import { oids } from '../../x509/oid.ts';
import { refusedAttestation } from './attestation-fault.ts';
import { type DeviceName, readDeviceName } from './device-name.ts';

/** tcg-kp-AIKCertificate. */
const attestationKeyUsage = '2.23.133.8.3';
/** TPMManufacturer, TPMModel, TPMVersion (TCG EK Credential Profile §3.2.9). */
const [manufacturer, model, version] = ['2.23.133.2.1', '2.23.133.2.2', '2.23.133.2.3'];

/**
 * Holds the certificate of a TPM's attestation key to WebAuthn §8.3.1, and gives the devices that it names. Trust in it is
 * OpenSSL's matter. Throws Fault `attestation_refused`, `malformed_der`.
 */
export function readAttestationKeyCertificate(certificate: ForeignCertificate): readonly DeviceName[] {
  const { extensions, subjectIsEmpty } = certificate;
  if (!subjectIsEmpty)
    throw refusedAttestation('the subject of the certificate of the attestation key is not empty');
  if (!extensions.has(oids.basicConstraints)) {
    throw refusedAttestation('the first certificate does not say that it is no CA');
  }
  refuseCa(certificate);
  const usages = extensions.get(oids.extKeyUsage);
  const named = usages ? new SequenceReader(readElement(usages.value)).rest().map(readOid) : [];
  if (!named.includes(attestationKeyUsage)) {
    throw refusedAttestation(
      `the certificate of the attestation key has not the extended key usage ${attestationKeyUsage}`,
    );
  }
  const names = extensions.get(oids.subjectAltName);
  if (!names) throw refusedAttestation('the certificate of the attestation key has no alternative names');
  const all = new SequenceReader(readElement(names.value)).rest();
  checkTpm(all.filter(({ tag }) => tag === 0xa4));
  return all
    .filter(({ tag }) => tag === 0xa0)
    .map(readDeviceName)
    .filter((one) => one !== null);
}

/** Throws Fault `attestation_refused` for a certificate that could certify others. */
export function refuseCa({ extensions }: Pick<ForeignCertificate, 'extensions'>): void {
  const constraints = extensions.get(oids.basicConstraints);
  // The default of `cA` is FALSE, and DER leaves a default out.
  if (constraints && new SequenceReader(readElement(constraints.value)).rest().length > 0) {
    throw refusedAttestation('the first certificate is that of a CA');
  }
}

/** The directory names must say which TPM it is. */
function checkTpm(directoryNames: readonly DerElement[]): void {
  const found = new Map(directoryNames.flatMap((name) => attributesOf(readElement(name.content))));
  if (
    !/^id:[0-9A-Fa-f]{8}$/.test(found.get(manufacturer) ?? '') ||
    !found.has(model) ||
    !found.has(version)
  ) {
    throw refusedAttestation(
      'the certificate of the attestation key does not name manufacturer, model and version of a TPM',
    );
  }
}

function attributesOf(name: DerElement): readonly (readonly [string, string])[] {
  if (name.tag !== tags.sequence) throw refusedAttestation('a directory name cannot be read');
  return readElements(name.content).flatMap((set) =>
    new SequenceReader(set, tags.set).rest().map((attribute) => {
      const reader = new SequenceReader(attribute);
      const type = readOid(reader.next(tags.oid));
      const value = reader.next(tags.utf8String, tags.printableString, tags.ia5String);
      reader.end();
      return [type, Buffer.from(value.content).toString('utf8')] as const;
    }),
  );
}
