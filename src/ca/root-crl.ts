import { Fault } from '../kernel/fault.ts';
import { assembleCrl, buildCrlTbs, type CrlEntry } from '../x509/build-crl.ts';
import type { Certificate } from '../x509/certificate.ts';
import { type Crl, isCrlSignedBy, readCrl } from '../x509/crl.ts';
import type { SigningKey } from './issuer.ts';
import { keyIdOf } from './publication-urls.ts';

/** How long a CRL of a root may be used: the root key comes out of its safe once in that time. */
export const rootCrlLife = 365 * 24 * 60 * 60 * 1000;

/**
 * Signs what a root has revoked. Throws Fault `certificate_profile` when the root's key usage does not let it,
 * `lint_failed`.
 */
export async function signRootCrl(
  order: {
    readonly root: Certificate;
    /** Epoch milliseconds. */
    readonly now: number;
    readonly number: number;
    readonly entries: readonly CrlEntry[];
  },
  key: SigningKey,
): Promise<Crl> {
  const { root, now, number, entries } = order;
  if (!maySignCrls(root)) {
    throw new Fault('certificate_profile', 'The key usage of the root does not allow signing CRLs.');
  }
  const tbs = buildCrlTbs(
    {
      issuerDer: root.subjectDer,
      authorityKeyId: keyIdOf(root),
      thisUpdate: Math.max(now - 60_000, root.notBefore),
      nextUpdate: Math.min(now + rootCrlLife, root.notAfter),
      number,
      url: null,
      entries,
    },
    key.algorithm,
  );
  const crl = readCrl(assembleCrl(tbs, key.algorithm, await key.sign(tbs)));
  if (!isCrlSignedBy(crl, root.publicKey) || crl.entries.length !== entries.length) {
    throw new Fault('lint_failed', 'The new CRL of the root is not what was meant, and was thrown away.');
  }
  return crl;
}

/** A certificate without key usage may do everything (RFC 5280 §4.2.1.3). */
export function maySignCrls({ keyUsage }: Pick<Certificate, 'keyUsage'>): boolean {
  return keyUsage.length === 0 || keyUsage.includes('cRLSign');
}
