import type { CertificateRecord } from '../../ca/certificate-records.ts';
import { revoke } from '../../ca/revoke.ts';
import { equalBytes, fromBase64url } from '../../kernel/bytes.ts';
import type { Json } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { type Certificate, readCertificate } from '../../x509/certificate.ts';
import type { RevocationReason } from '../../x509/revocation-reason.ts';
import { spkiOf } from '../../x509/build-certificate.ts';
import type { AcmeParts, Reply } from './acme-parts.ts';
import { objectOf, type SignedRequest } from './signed-request.ts';

/** The reasons of RFC 5280 §5.3.1 that the holder of a certificate can give. */
const reasons: Readonly<Record<number, readonly [string, RevocationReason]>> = {
  0: ['unspecified', 'unspecified'],
  1: ['key compromise', 'keyCompromise'],
  3: ['affiliation changed', 'affiliationChanged'],
  4: ['superseded', 'superseded'],
  5: ['cessation of operation', 'cessationOfOperation'],
};

/**
 * Revokes a certificate (RFC 8555 §7.6) for the account that it was issued to, an account that has proved all its
 * names, or whoever holds its key.
 */
export async function revokeCert(request: SignedRequest, parts: AcmeParts): Promise<Reply> {
  const { ca } = parts;
  const input = objectOf(request);
  const [reason, revocation] = readReason(input['reason']);
  const { certificate, record } = await readIssued(input['certificate'], parts);
  const actor = await whoMayRevoke(request, certificate, record, parts);
  const order = { serial: record.serial, reason: `${reason} (ACME)`, revocation, actor };
  const done = await revoke(order, { records: ca.records, audit: ca.audit, clock: ca.clock });
  if (!done) throw new Fault('certificate_revoked', 'The certificate is revoked already.');
  return { status: 200 };
}

function readReason(value: Json | undefined): readonly [string, RevocationReason] {
  const reason = reasons[typeof value === 'number' ? value : value === undefined ? 0 : -1];
  if (reason !== undefined) return reason;
  throw new Fault('revocation_reason', `A reason is one of the codes ${Object.keys(reasons).join(', ')}.`);
}

async function readIssued(
  value: Json | undefined,
  { ca }: Pick<AcmeParts, 'ca'>,
): Promise<{ readonly certificate: Certificate; readonly record: CertificateRecord }> {
  const der = typeof value === 'string' ? fromBase64url(value) : null;
  if (!der) throw new Fault('invalid_input', 'certificate is the DER of a certificate, in base64url.');
  const certificate = readCertificate(der);
  const record = await ca.records.find(certificate.serial);
  // What counts are the octets that were issued, not a serial.
  if (!record?.der || !equalBytes(record.der, der)) {
    throw new Fault('not_found', 'The certificate was not issued by this authority.');
  }
  return { certificate, record };
}

/** In whose name it is revoked. Throws Fault `account_refused`. */
async function whoMayRevoke(
  { account, key }: SignedRequest,
  certificate: Certificate,
  record: CertificateRecord,
  { orders, ca }: AcmeParts,
): Promise<string> {
  if (!account) {
    if (equalBytes(spkiOf(key.publicKey), certificate.spki)) return 'holder of the key (ACME)';
    throw new Fault('account_refused', 'The key that signed is not that of the certificate.');
  }
  const actor = `acme-account ${account.id}`;
  const order = await orders.findBySerial(record.serial);
  if (order?.accountId === account.id) return actor;
  const names = [...certificate.dnsNames, ...certificate.ipAddresses];
  const proven = new Set((await orders.provenBy(account.id, ca.clock.now())).map(({ value }) => value));
  if (names.length > 0 && names.every((name) => proven.has(name))) return actor;
  throw new Fault(
    'account_refused',
    'The certificate was not issued to this account, and it has not proved all its names.',
  );
}
