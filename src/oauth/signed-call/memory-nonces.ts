import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import type { UsedNonces, UseTime } from './used-nonces.ts';

/** How many nonces may be remembered. */
export interface NonceBounds {
  readonly all: number;
  /** Of one certificate, so that no agent fills the memory of the others. */
  readonly perKey: number;
}

/** With signatures of a minute: 8,700 calls in a second from all agents, 1,000 from one, for as long as they like. */
export const defaultNonceBounds: NonceBounds = { all: 524_288, perKey: 65_536 };

/** A memory that answers at once, and how much it holds. */
export interface MemoryNonces extends UsedNonces {
  take(thumbprint: string, nonce: string, time: Pick<UseTime, 'until'>): boolean;
  readonly size: number;
}

/**
 * Remembers in the memory of this process; two processes remember apart. A memory that is full takes nothing more, and
 * forgets nothing before its time.
 */
export function memoryNonces(clock: Clock, bounds: NonceBounds = defaultNonceBounds): MemoryNonces {
  /** By certificate; in each the nonces in the order they were taken, with the end of each. */
  const keys = new Map<string, Map<string, number>>();
  let size = 0;

  const sweep = (key: string, nonces: Map<string, number>, now: number, most: number): void => {
    let looks = 0;
    for (const [nonce, until] of nonces) {
      // What is behind may have ended too: it waits for its turn, which is a signature's life away at the most.
      if (until > now || looks++ >= most) break;
      nonces.delete(nonce);
      size -= 1;
    }
    if (nonces.size === 0) keys.delete(key);
  };
  const sweepAll = (now: number): void => {
    for (const [key, nonces] of keys) sweep(key, nonces, now, Number.POSITIVE_INFINITY);
  };
  /** Certificates that are not used any more leave theirs behind. */
  const sweepOldest = (now: number): void => {
    const [oldest] = keys;
    if (!oldest) return;
    const [key, nonces] = oldest;
    sweep(key, nonces, now, looksPerNewcomer);
    if (!keys.delete(key)) return;
    keys.set(key, nonces);
  };

  return {
    get size() {
      return size;
    },
    take(thumbprint, nonce, { until }) {
      const now = clock.now();
      sweepOldest(now);
      const known = keys.get(thumbprint);
      if (known) sweep(thumbprint, known, now, looksPerNewcomer);
      const earlier = known?.get(nonce);
      if (earlier !== undefined && earlier > now) return false;
      if ((known?.size ?? 0) >= bounds.perKey || size >= bounds.all) sweepAll(now);
      // Sweeping may have taken the last one, and with it the map.
      const nonces = keys.get(thumbprint) ?? new Map<string, number>();
      if (nonces.size >= bounds.perKey || size >= bounds.all) throw full();
      if (!nonces.delete(nonce)) size += 1;
      nonces.set(nonce, until);
      keys.set(thumbprint, nonces);
      return true;
    },
  };
}

/** Enough to keep pace with what comes. */
const looksPerNewcomer = 4;

function full(): Fault {
  return new Fault(
    'unavailable',
    'No more nonces of signed calls can be remembered for the moment, so that no more are taken. Make fewer calls at once.',
    { retryAfterMilliseconds: 1_000 },
  );
}
