import { createPublicKey, type KeyObject } from 'node:crypto';
import { signatureAlgorithmFor, signTbsAside } from '../x509/build-certificate.ts';
import type { SigningKey } from './issuer.ts';

/** A signing key that lives in this process. */
export function signingKey(key: KeyObject): SigningKey {
  const algorithm = signatureAlgorithmFor(key);
  return {
    publicKey: createPublicKey(key),
    algorithm,
    sign: (tbs) => signTbsAside(tbs, key, algorithm),
  };
}
