import { createPublicKey, type KeyObject } from 'node:crypto';
import type { JSONWebKeySet, JWK } from 'jose';
import { isJsonArray, type Json } from '../../kernel/canonical-json.ts';
import { rememberedFor } from '../../kernel/remembered-for.ts';
import { type AlgorithmName, fitsAlgorithm } from './algorithms.ts';

interface KnownKey {
  readonly kid: string | undefined;
  readonly alg: string | undefined;
  readonly key: KeyObject;
}

/**
 * The one key of a set that a signature must be of: by its `kid`, which is looked up and nothing else, and of the kind that
 * the algorithm is for. Null when there is none or more than one.
 */
export function verificationKey(
  set: JSONWebKeySet,
  algorithm: AlgorithmName,
  kid: string | null,
): KeyObject | null {
  const fitting = keysOf(set).filter(
    (each) =>
      (kid === null || each.kid === kid) &&
      // RFC 7517 §4.4: a key that says what it is for is for nothing else.
      (each.alg === undefined || each.alg === algorithm) &&
      fitsAlgorithm(algorithm, each.key),
  );
  const [only] = fitting;
  return only && fitting.length === 1 ? only.key : null;
}

/** The keys of a set that can be read; the set is not changed, so each is read once. */
const keysOf = rememberedFor(({ keys }: JSONWebKeySet): readonly KnownKey[] =>
  keys.flatMap((jwk) => {
    const key = publicKey(jwk);
    const operations = jwk.key_ops as Json | undefined;
    // RFC 7517 §4.3.
    if (!key || (isJsonArray(operations ?? null) && !jwk.key_ops?.includes('verify'))) return [];
    return [{ kid: jwk.kid, alg: jwk.alg, key }];
  }),
);

/** A public key, or null for what is none. */
export function publicKey(jwk: JWK): KeyObject | null {
  if (jwk.kty === 'oct' || jwk.d !== undefined) return null;
  try {
    return createPublicKey({ key: { ...jwk }, format: 'jwk' });
  } catch {
    return null;
  }
}
