import type { CertificateRecord } from '../../ca/certificate-records.ts';
import { renewalWindow } from '../../ca/renewal-window.ts';
import { fromBase64url, toBase64url, toHex } from '../../kernel/bytes.ts';
import type { Json } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { type Certificate, readCertificate } from '../../x509/certificate.ts';
import { type AcmeParts, type Reply, timestamp } from './acme-parts.ts';
import type { AcmeAccountRecord } from './acme-records.ts';
import type { Identifier } from './identifier.ts';

const second = 1_000;

/** When a certificate should be renewed (RFC 9773 §4). Anybody may ask who knows its serial. */
export async function renewalInfo(id: string, { ca }: Pick<AcmeParts, 'ca'>): Promise<Reply> {
  const record = await certificateOf(id, ca.records);
  if (!record) throw new Fault('not_found', 'No certificate of this authority has that identifier.');
  const revoked = record.state === 'revoked';
  // RFC 9773 §4.2: a window in the past says: now.
  const { start, end } = revoked
    ? { start: record.notBefore, end: record.notBefore + 60 * second }
    : renewalWindow(record);
  const life = (record.notAfter - record.notBefore) / second;
  const again = revoked ? 60 : Math.round(Math.min(Math.max(life / 20, 30), 6 * 60 * 60));
  return {
    status: 200,
    headers: { 'retry-after': String(again) },
    body: { suggestedWindow: { start: timestamp(start), end: timestamp(end) } },
  };
}

/**
 * The certificate that a new order says it replaces, by its identifier, or null. It must be the account's own and share
 * a name with the order (RFC 9773 §5). Throws Fault `invalid_input`, `account_refused`, `not_found`.
 */
export async function readReplaced(
  value: Json | undefined,
  order: { readonly account: AcmeAccountRecord; readonly identifiers: readonly Identifier[] },
  parts: Pick<AcmeParts, 'ca' | 'orders'>,
): Promise<string | null> {
  if (value === undefined) return null;
  if (typeof value !== 'string')
    throw new Fault('invalid_input', 'replaces is the identifier of a certificate.');
  const record = await certificateOf(value, parts.ca.records);
  if (!record) throw new Fault('not_found', 'The certificate to replace is not one of this authority.');
  const earlier = await parts.orders.findBySerial(record.serial);
  if (earlier?.accountId !== order.account.id) {
    throw new Fault('account_refused', 'The certificate to replace was not issued to this account.');
  }
  const names = new Set(earlier.identifiers.map((one) => one.value));
  if (!order.identifiers.some((one) => names.has(one.value))) {
    throw new Fault('invalid_input', 'The certificate to replace has no name in common with this order.');
  }
  return value;
}

/** RFC 9773 §4.1: the key identifier of the issuer and the serial, each in base64url, with a dot between. */
export function renewalId({
  authorityKeyId,
  serial,
}: Pick<Certificate, 'authorityKeyId' | 'serial'>): string {
  const octets = Buffer.from(serial, 'hex');
  const padded = (octets[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), octets]) : octets;
  return `${toBase64url(Buffer.from(authorityKeyId ?? '', 'hex'))}.${toBase64url(padded)}`;
}

/** The serial in such an identifier, or null when it is none. */
export function serialOf(id: string): string | null {
  const [, , serial = ''] = /^([A-Za-z0-9_-]{1,100})\.([A-Za-z0-9_-]{1,40})$/.exec(id) ?? [];
  const octets = fromBase64url(serial);
  if (!octets || octets.length === 0) return null;
  return toHex(octets.length > 1 && octets[0] === 0 ? octets.subarray(1) : octets);
}

async function certificateOf(
  id: string,
  records: AcmeParts['ca']['records'],
): Promise<CertificateRecord | null> {
  const serial = serialOf(id);
  const record = serial === null ? null : await records.find(serial);
  if (!record?.der) return null;
  // Only the one spelling counts, with the issuer that the certificate names.
  return renewalId(readCertificate(record.der)) === id ? record : null;
}
