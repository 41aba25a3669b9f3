import type { KeyObject } from 'node:crypto';
import type { Json } from '../../kernel/canonical-json.ts';
import { decodePem, encodePem } from '../../x509/pem.ts';
import { readCertificate } from '../../x509/certificate.ts';
import { buildRequest } from '../../x509/request.ts';
import { Fault } from '../../kernel/fault.ts';
import { type AdminIdentity, callAuthority } from './remote-administration.ts';

/** Has the certificate of `old` renewed for a new key. Throws what the authority answers, such as `renewal_refused`. */
export async function renewRemotely(authority: string, old: AdminIdentity, key: KeyObject): Promise<Json> {
  const [leaf] = decodePem(old.certificate, 'CERTIFICATE');
  const name = leaf ? readCertificate(leaf).commonName : null;
  if (name === null) throw new Fault('renewal_refused', 'The certificate to renew has no common name.');
  const csr = encodePem('CERTIFICATE REQUEST', buildRequest(key, { commonName: name }));
  return await callAuthority(new URL('/v1/enrol/renew', authority), old, { csr });
}
