import { sha256Base64url } from '../../kernel/bytes.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import { randomBytes, randomId } from '../../kernel/random.ts';
import { createSeal } from '../../kernel/seal.ts';
import type { UsedTokens } from '../workload/used-tokens.ts';

/** Nonces against replay (RFC 8555 §6.5): each is good once, and for an hour. */
export interface Nonces {
  /** A fresh one. Giving it out costs no memory, so nobody can crowd out those of others by asking for many. */
  draw(): string;
  /** Uses one up. Throws Fault `nonce_refused`. */
  use(nonce: string): void | Promise<void>;
}

/** Those of one process, which nobody has to be asked about. */
export interface OwnNonces extends Nonces {
  use(nonce: string): void;
}

const life = 60 * 60 * 1000;
const purpose = ['acme nonce'];

/**
 * A nonce is a number under this process's own key, so a restart makes all of them void and clients ask again. Used
 * numbers are remembered, `memory` of them; beyond that the lowest and all below it count as used.
 */
export function createNonces(clock: Clock, memory = 50_000): OwnNonces {
  const seal = createSeal(randomBytes(32));
  // In the order of their use, which is about that of their numbers.
  const used = new Set<number>();
  let next = 0;
  let lowest = 0;

  const forget = (): void => {
    for (const number of used) {
      if (used.size <= memory) return;
      used.delete(number);
      lowest = Math.max(lowest, number + 1);
    }
  };
  return {
    draw() {
      const number = next;
      next += 1;
      return seal.seal(`${number} ${clock.monotonic()}`, purpose);
    },
    use(nonce) {
      const [number = Number.NaN, drawnAt = Number.NaN] = (seal.open(nonce, purpose) ?? '')
        .split(' ')
        .map((part) => (part === '' ? Number.NaN : Number(part)));
      const fresh = clock.monotonic() - drawnAt < life && number >= lowest && !used.has(number);
      if (!fresh) {
        throw refused();
      }
      used.add(number);
      forget();
    },
  };
}

/** How far the clocks of two authorities may differ, in milliseconds. */
const clockDifference = 5 * 60_000;

/**
 * Nonces that every authority of a store takes: each is a random number and the time, under a key that all of them have, and the
 * store remembers those that were used.
 */
export function sharedNonces({ key, used, clock }: SharedNonces): Nonces {
  const seal = createSeal(key);
  return {
    draw: () => seal.seal(`${randomId()} ${clock.now()}`, purpose),
    async use(nonce) {
      const [number = '', drawn = ''] = (seal.open(nonce, purpose) ?? '').split(' ');
      const age = drawn === '' ? Number.NaN : clock.now() - Number(drawn);
      const fresh = age > -clockDifference && age < life;
      const endsAt = Number(drawn) + life + clockDifference;
      if (!fresh || !(await used.take(sha256Base64url(`acme nonce ${number}`), endsAt, clock.now()))) {
        throw refused();
      }
    },
  };
}

/** What all authorities of a store have. */
export interface SharedNonces {
  /** 32 octets. */
  readonly key: Uint8Array;
  readonly used: Pick<UsedTokens, 'take'>;
  readonly clock: Clock;
}

function refused(): Fault {
  return new Fault('nonce_refused', 'The nonce was not given out here, was used, or is too old.');
}
