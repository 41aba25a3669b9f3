import type { KeyObject } from 'node:crypto';
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
