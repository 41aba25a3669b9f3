import { createPublicKey, type KeyObject } from 'node:crypto';
import { signatureAlgorithmFor, signTbs } from '../x509/build-certificate.ts';
import type { SigningKey } from './issuer.ts';

/** A signing key that lives in this process. */
export function signingKey(key: KeyObject): SigningKey {
  return {
    publicKey: createPublicKey(key),
    algorithm: signatureAlgorithmFor(key),
    sign: (tbs) => Promise.resolve(signTbs(tbs, key)),
  };
}
