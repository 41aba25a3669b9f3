import { createHmac, hkdfSync, type KeyObject } from 'node:crypto';
import { concat, equalBytes, fromBase64url, toBase64url, utf8 } from '../../kernel/bytes.ts';
import type { Clock } from '../../kernel/clock.ts';
import { randomBytes } from '../../kernel/random.ts';

/** What a challenge is for: an assertion that answers one of another purpose, or of another browser, is refused. */
export interface ChallengePurpose {
  readonly act: 'enrol' | 'sign-in';
  /** What tells this browser from others: see `browserOf`. */
  readonly browser: string;
}

/**
 * Challenges of WebAuthn (Level 3 §13.4.3) that verify themselves, so that whoever only opens a page writes nothing. Whether one was answered
 * before is for `UsedOnce` to say.
 */
export interface Challenges {
  make(purpose: ChallengePurpose): string;
  /** Its end in epoch milliseconds; null for one that was not made here for this purpose, or is over. */
  endOf(challenge: string, purpose: ChallengePurpose): number | null;
  /** What authenticators know a person by: stable, and without their name (§14.6.1). */
  handleOf(person: string): string;
}

/** As long as a person takes to find their security key. */
const challengeLife = 5 * 60_000;
const [randomLength, timeLength, macLength] = [16, 6, 16];

/** Challenges under a key that depends on a private key of the authority. */
export function createChallenges(key: KeyObject, clock: Clock): Challenges {
  const material = key.export({ type: 'pkcs8', format: 'der' });
  const root = new Uint8Array(hkdfSync('sha256', material, '', 'countersign people', 32));
  const mac = (label: string, bytes: Uint8Array): Uint8Array =>
    createHmac('sha256', root).update(label).update(bytes).digest();
  const macOf = ({ act, browser }: ChallengePurpose, bytes: Uint8Array): Uint8Array =>
    mac(`challenge\0${act}\0${browser}\0`, bytes).subarray(0, macLength);
  return {
    make(purpose) {
      const time = new Uint8Array(timeLength);
      Buffer.from(time.buffer).writeUIntBE(clock.now() + challengeLife, 0, timeLength);
      const body = concat([randomBytes(randomLength), time]);
      return toBase64url(concat([body, macOf(purpose, body)]));
    },
    endOf(challenge, purpose) {
      const bytes = fromBase64url(challenge);
      if (bytes?.length !== randomLength + timeLength + macLength) return null;
      const body = bytes.subarray(0, randomLength + timeLength);
      if (!equalBytes(bytes.subarray(randomLength + timeLength), macOf(purpose, body))) return null;
      const end = Buffer.from(body).readUIntBE(randomLength, timeLength);
      return clock.now() < end ? end : null;
    },
    handleOf: (person) => toBase64url(mac('handle\0', utf8(person))),
  };
}
