import { Fault } from '../kernel/fault.ts';
import type { Certificate } from '../x509/certificate.ts';
import { readElement } from '../x509/der-reader.ts';
import { readOrganization } from '../x509/name.ts';
import type { CertificateRequest } from '../x509/request.ts';
import { checkIntermediate } from './check-intermediate.ts';
import { intermediateTemplate } from './create-intermediate.ts';
import type { SigningKey } from './issuer.ts';
import { signCaCertificate } from './sign-ca-certificate.ts';

/**
 * Signs the intermediate that replaces another below a root, for the key of a request, with the same organization and name
 * constraints. Throws Fault `invalid_input` when the one it replaces is for no trust domain, `certificate_profile`, `lint_failed`.
 */
export async function signIntermediate(
  order: {
    readonly request: Pick<CertificateRequest, 'publicKey'>;
    readonly replaces: Certificate;
    readonly root: Certificate;
    /** Epoch milliseconds. */
    readonly now: number;
    /** Milliseconds; one year when null, never beyond the root. */
    readonly life: number | null;
  },
  key: SigningKey,
): Promise<Certificate> {
  const { request, replaces, root, now, life } = order;
  const [trustDomain] = replaces.permittedUris ?? [];
  if (trustDomain === undefined) {
    throw new Fault('invalid_input', 'The intermediate that is replaced is not limited to a trust domain.');
  }
  const organization = readOrganization(readElement(replaces.subjectDer));
  const template = intermediateTemplate(root, request.publicKey, {
    trustDomain,
    clock: { now: () => now, monotonic: () => now },
    permittedDns: replaces.permittedDns ?? [],
    ...(organization !== null && { organization }),
    ...(life !== null && { intermediateLife: life }),
  });
  const certificate = await signCaCertificate(template, key);
  checkIntermediate(certificate, { root, publicKey: request.publicKey, replaces, now });
  return certificate;
}
