import { toHex } from '../kernel/bytes.ts';
import { randomBytes } from '../kernel/random.ts';
import type { Certificate } from '../x509/certificate.ts';
import { readElement } from '../x509/der-reader.ts';
import { readOrganization } from '../x509/name.ts';
import { rootTemplate } from './create-authority.ts';
import type { SigningKey } from './issuer.ts';
import { signCaCertificate } from './sign-ca-certificate.ts';

/**
 * A root that takes the place of another: for the same trust domain and organization, under a name of its own, so that no
 * chain is ambiguous while both count. Throws Fault `lint_failed`, and whatever the key throws.
 */
export async function createNextRoot(
  order: {
    /** The intermediate of the root before, which says for which trust domain it is. */
    readonly intermediate: Certificate;
    readonly trustDomain: string;
    /** Epoch milliseconds. */
    readonly now: number;
    /** Milliseconds; ten years when null. */
    readonly life: number | null;
  },
  key: SigningKey,
): Promise<Certificate> {
  const { intermediate, trustDomain, now, life } = order;
  const organization = readOrganization(readElement(intermediate.subjectDer));
  const template = rootTemplate(key.publicKey, {
    trustDomain,
    clock: { now: () => now, monotonic: () => now },
    name: `${trustDomain} root ${toHex(randomBytes(4))}`,
    ...(organization !== null && { organization }),
    ...(life !== null && { rootLife: life }),
  });
  return await signCaCertificate(template, key);
}
