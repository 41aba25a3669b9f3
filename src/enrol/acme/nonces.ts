import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import { randomBytes } from '../../kernel/random.ts';
import { createSeal } from '../../kernel/seal.ts';

/** Nonces against replay (RFC 8555 §6.5): each is good once, and for an hour. */
export interface Nonces {
  /** A fresh one. Giving it out costs no memory, so nobody can crowd out those of others by asking for many. */
  draw(): string;
  /** Uses one up. Throws Fault `nonce_refused`. */
  use(nonce: string): void;
}

const life = 60 * 60 * 1000;
const purpose = ['acme nonce'];

/**
 * A nonce is a number under this process's own key, so a restart makes all of them void and clients ask again. Used
 * numbers are remembered, `memory` of them; beyond that the lowest and all below it count as used.
 */
export function createNonces(clock: Clock, memory = 50_000): Nonces {
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
        throw new Fault('nonce_refused', 'The nonce was not given out here, was used, or is too old.');
      }
      used.add(number);
      forget();
    },
  };
}
