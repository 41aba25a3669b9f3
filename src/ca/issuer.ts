import type { KeyObject } from 'node:crypto';
import { equalBytes } from '../kernel/bytes.ts';
import type { SignatureAlgorithm } from '../x509/build-certificate.ts';
import type { Certificate } from '../x509/certificate.ts';

/** Port: a key that signs certificates, wherever it lives. */
export interface SigningKey {
  readonly publicKey: KeyObject;
  readonly algorithm: SignatureAlgorithm;
  sign(tbs: Uint8Array): Promise<Uint8Array>;
}

/** The intermediate that signs leaves, with its key. */
export interface Issuer {
  readonly certificate: Certificate;
  /** The intermediate, then the root. */
  readonly chain: readonly Certificate[];
  readonly key: SigningKey;
  readonly trustDomain: string;
}

/** Of those, the one that issued a certificate; null when it is none of them. */
export function issuerOf(
  { authorityKeyId, issuerDer }: Pick<Certificate, 'authorityKeyId' | 'issuerDer'>,
  issuers: readonly Issuer[],
): Issuer | null {
  const issued = ({ certificate }: Issuer): boolean =>
    equalBytes(certificate.subjectDer, issuerDer) && certificate.subjectKeyId === authorityKeyId;
  return issuers.find(issued) ?? null;
}

/** The roots of issuers, each once, in their order. */
export function rootsOf(issuers: readonly Issuer[]): readonly Certificate[] {
  const roots = issuers.flatMap(({ chain }) => chain.at(-1) ?? []);
  return roots.filter((root, at) => roots.findIndex((other) => equalBytes(other.der, root.der)) === at);
}
