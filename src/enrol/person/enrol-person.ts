import type { CertificateAuthority } from '../../ca/certificate-authority.ts';
import { certify } from '../../ca/certify.ts';
import { readPemRequest } from '../../ca/request.ts';
import { sha256Base64url } from '../../kernel/bytes.ts';
import { type Delivery, deliver } from '../delivery.ts';
import { admitPerson, type PersonDoor, type PersonOrder } from './person-door.ts';

/**
 * The login of a person and a request in PEM become a certificate for an agent of theirs. Throws what reading the request,
 * `admitPerson` and `certify` throw.
 */
export async function enrolPerson(
  input: Omit<PersonOrder, 'keyHash'> & { readonly csr: string },
  authority: CertificateAuthority,
  door: PersonDoor,
): Promise<Delivery> {
  const request = await readPemRequest(input.csr);
  const { evidence, useUp } = await admitPerson({ ...input, keyHash: sha256Base64url(request.spki) }, door);
  return deliver(await certify({ request, evidence, requestedLife: null }, authority, useUp), authority);
}
