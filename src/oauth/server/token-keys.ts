import { createPrivateKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { sha256Base64url } from '../../kernel/bytes.ts';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Seal } from '../../kernel/seal.ts';
import type { KeptTokenKey, OauthRecords } from './oauth-records.ts';

/** The key that signs access tokens, and those before it whose tokens may still live. */
export interface TokenKeys {
  readonly signing: () => TokenKey;
  /** Public JWKs (RFC 7517), the one that signs first. */
  readonly publicKeys: () => readonly JsonObject[];
  /**
   * Another key signs from now on. What the one before has signed goes on to verify until its tokens are over; not at all when
   * that one is `compromised`. Gives the `kid` of the new one. Fault `conflict` when another process did the same meanwhile.
   */
  rotate(compromised: boolean): Promise<string>;
  /** Looks whether another authority of the store has replaced the key; true when it has, and that one signs from now on. */
  refresh(): Promise<boolean>;
}

export interface TokenKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
}

/**
 * Opens the signing keys, and makes the first one. `keptFor`: how long the public half of a key is published after it
 * signed for the last time, in milliseconds: as long as a token lives. Throws Fault `state_damaged`.
 */
export async function openTokenKeys(options: {
  readonly records: Pick<OauthRecords, 'keys' | 'addKey' | 'dropKeys'>;
  readonly secrets: Seal;
  readonly clock: Clock;
  readonly keptFor: number;
}): Promise<TokenKeys> {
  const { records, secrets, clock, keptFor } = options;
  const add = async (after: string | null): Promise<boolean> =>
    await records.addKey(await createKey(secrets, clock.now()), after);
  if ((await records.keys()).length === 0) await add(null);
  const load = async () => {
    await records.dropKeys(clock.now() - keptFor);
    const kept = await records.keys();
    return { kept, signing: openSigning(kept, secrets) };
  };
  let current = await load();
  return {
    signing: () => current.signing,
    publicKeys: () =>
      current.kept
        .filter(({ retiredAt }) => retiredAt === null || retiredAt > clock.now() - keptFor)
        .map(({ publicJwk }) => JSON.parse(publicJwk) as JsonObject),
    async refresh() {
      const before = namesOf(current.kept);
      const kept = await records.keys();
      if (namesOf(kept) === before) return false;
      current = { kept, signing: openSigning(kept, secrets) };
      return true;
    },
    async rotate(compromised) {
      if (!(await add(current.signing.kid))) {
        throw new Fault('conflict', 'The key that signs tokens was replaced meanwhile. Try again.');
      }
      // Those that have retired before the next moment: all of them.
      if (compromised) await records.dropKeys(clock.now() + 1);
      current = await load();
      return current.signing.kid;
    },
  };
}

function namesOf(kept: readonly KeptTokenKey[]): string {
  return kept.map(({ kid, retiredAt }) => `${kid} ${retiredAt ?? ''}`).join();
}

function openSigning(kept: readonly KeptTokenKey[], secrets: Seal): TokenKey {
  const signing = kept.find(({ retiredAt }) => retiredAt === null);
  const text = signing && secrets.open(signing.sealed, [signing.kid]);
  if (!signing || !text) {
    throw new Fault(
      'state_damaged',
      'The key that signs access tokens cannot be read. Restore the folder from a backup.',
    );
  }
  return { kid: signing.kid, privateKey: createPrivateKey({ key: text, format: 'pem' }) };
}

/** A fresh key, named after itself (RFC 7638). */
async function createKey(secrets: Seal, now: number): Promise<KeptTokenKey> {
  const { privateKey, publicKey } = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' });
  const { crv, kty, x, y } = publicKey.export({ format: 'jwk' });
  // RFC 7638 §3.1: the required members in this order, without white space.
  const kid = sha256Base64url(JSON.stringify({ crv, kty, x, y }));
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  return {
    kid,
    publicJwk: JSON.stringify({ kty, crv, x, y, kid, use: 'sig', alg: 'ES256' }),
    sealed: secrets.seal(pem, [kid]),
    createdAt: now,
    retiredAt: null,
  };
}
