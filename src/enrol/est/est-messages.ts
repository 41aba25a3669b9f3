import { fromBase64 } from '../../kernel/bytes.ts';
import { Fault } from '../../kernel/fault.ts';
import { certsOnly } from '../../x509/certs-only.ts';
import { objectIdentifier, sequence, setOf } from '../../x509/der.ts';
import { oids } from '../../x509/oid.ts';
import { encodePem } from '../../x509/pem.ts';

/** The bodies of EST, Enrolment over Secure Transport (RFC 7030 §4; base64 as RFC 8951 §3.1 has it). */

const longest = 64 * 1024;

/**
 * The PKCS #10 request in the body of an enrolment, in PEM, as the doors take it: base64, with or without line breaks.
 * Throws Fault `too_large` or `request_invalid`; the request itself is read by who takes it.
 */
export function readEnrolment(body: Uint8Array): string {
  if (body.length > longest) {
    throw new Fault('too_large', `A certificate request is at most ${longest} octets long.`);
  }
  const der = fromBase64(
    Buffer.from(body)
      .toString('latin1')
      .replace(/[\r\n\t ]/g, ''),
  );
  if (!der || der.length === 0) {
    throw new Fault('request_invalid', 'The body is not a PKCS #10 request in base64 (RFC 7030 §4.2.1).');
  }
  return encodePem('CERTIFICATE REQUEST', der);
}

/** Certificates as they are answered: one line, because some clients read no more than that. */
export function writeCertificates(certificates: readonly Uint8Array[]): string {
  return Buffer.from(certsOnly(certificates)).toString('base64');
}

/**
 * What a request should be made of (RFC 7030 §4.5.2): a key on P-256, signed with ECDSA and SHA-256. Names are left to the
 * authority.
 */
export function writeRequestAttributes(): string {
  const curve = sequence(objectIdentifier(oids.ecPublicKey), setOf(objectIdentifier(oids.prime256v1)));
  const attributes = sequence(curve, objectIdentifier(oids['ecdsa-with-SHA256']));
  return Buffer.from(attributes).toString('base64');
}
