import type { Certificate } from './certificate.ts';
import { tags } from './der.ts';
import { readBoolean, readElement, readOid, SequenceReader } from './der-reader.ts';

const acmeIdentifier = '1.3.6.1.5.5.7.1.31';

/**
 * The digest in the critical acmeIdentifier extension of a certificate that answers a tls-alpn-01 challenge
 * (RFC 8737 §3), or null when there is none, or it is not critical. Throws Fault `malformed_der`.
 */
export function acmeIdentifierOf({ tbs }: Pick<Certificate, 'tbs'>): Uint8Array | null {
  const reader = new SequenceReader(readElement(tbs));
  const list = reader.rest().find((member) => member.tag === 0xa3);
  if (!list) return null;
  for (const member of new SequenceReader(readElement(list.content)).rest()) {
    const extension = new SequenceReader(member);
    if (readOid(extension.next(tags.oid)) !== acmeIdentifier) continue;
    const critical = extension.optional(tags.boolean);
    const value = readElement(extension.next(tags.octetString).content);
    extension.end();
    if (!critical || !readBoolean(critical) || value.tag !== tags.octetString) return null;
    return value.content;
  }
  return null;
}
