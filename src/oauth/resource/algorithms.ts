import { constants, type KeyObject, verify } from 'node:crypto';

/** One signature algorithm of JWS (RFC 7518 §3.1, RFC 8037 §3.1). */
interface Algorithm {
  /** Whether a key is of the kind and size that the algorithm is for. */
  fits(key: KeyObject): boolean;
  holds(input: Uint8Array, signature: Uint8Array, key: KeyObject): boolean;
}

/** Those of public keys only: `none` proves nothing, and whoever can check a MAC can make one (RFC 8725 §3.1). */
const algorithms = {
  ES256: ecdsa('sha256', 'prime256v1', 64),
  ES384: ecdsa('sha384', 'secp384r1', 96),
  RS256: rsa('sha256'),
  RS384: rsa('sha384'),
  RS512: rsa('sha512'),
  PS256: rsaPss('sha256'),
  PS384: rsaPss('sha384'),
  PS512: rsaPss('sha512'),
  EdDSA: ed25519(),
} satisfies Readonly<Record<string, Algorithm>>;

export type AlgorithmName = keyof typeof algorithms;

export const algorithmNames = Object.keys(algorithms) as readonly AlgorithmName[];

export function isAlgorithm(name: unknown): name is AlgorithmName {
  return typeof name === 'string' && Object.hasOwn(algorithms, name);
}

/** Whether a key can be used with an algorithm. */
export function fitsAlgorithm(name: AlgorithmName, key: KeyObject): boolean {
  return algorithms[name].fits(key);
}

/** Whether a signature holds. The key must fit the algorithm. */
export function signatureHolds(
  name: AlgorithmName,
  input: Uint8Array,
  signature: Uint8Array,
  key: KeyObject,
): boolean {
  const algorithm: Algorithm = algorithms[name];
  return algorithm.fits(key) && algorithm.holds(input, signature, key);
}

function ecdsa(digest: string, curve: string, size: number): Algorithm {
  return {
    fits: (key) => key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === curve,
    holds: (input, signature, key) =>
      // RFC 7518 §3.4: R and S, each of full length.
      signature.length === size && verify(digest, input, { key, dsaEncoding: 'ieee-p1363' }, signature),
  };
}

/** RFC 7518 §3.3 and §3.5: at least 2048 bits. */
function isLargeRsa(key: KeyObject): boolean {
  return key.asymmetricKeyType === 'rsa' && (key.asymmetricKeyDetails?.modulusLength ?? 0) >= 2_048;
}

function rsa(digest: string): Algorithm {
  return {
    fits: isLargeRsa,
    holds: (input, signature, key) =>
      verify(digest, input, { key, padding: constants.RSA_PKCS1_PADDING }, signature),
  };
}

function rsaPss(digest: string): Algorithm {
  // RFC 7518 §3.5: the salt is as long as the digest.
  const padding = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
  return {
    fits: isLargeRsa,
    holds: (input, signature, key) => verify(digest, input, { key, ...padding }, signature),
  };
}

function ed25519(): Algorithm {
  return {
    fits: (key) => key.asymmetricKeyType === 'ed25519',
    holds: (input, signature, key) => signature.length === 64 && verify(null, input, key, signature),
  };
}
