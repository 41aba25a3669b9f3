import { certify } from '../../ca/certify.ts';
import type { CertificateAuthority } from '../../ca/certificate-authority.ts';
import { readPemRequest } from '../../ca/request.ts';
import { type Delivery, deliver } from '../delivery.ts';
import { proveWorkload, type WorkloadDoor } from './workload-door.ts';

/**
 * The JWT of a workload and a request in PEM become a certificate. A token that is good once is used up when the request is
 * approved, and not before. Throws what reading the request, `proveWorkload` and `certify` throw.
 */
export async function enrolWorkload(
  input: { readonly token: string; readonly csr: string; readonly address: string },
  authority: CertificateAuthority,
  door: WorkloadDoor,
): Promise<Delivery> {
  const request = await readPemRequest(input.csr);
  const { evidence, useUp } = await proveWorkload(input.token, door, input.address);
  const certificate = await certify({ request, evidence, requestedLife: null }, authority, useUp);
  return deliver(certificate, authority);
}
