import { createHmac } from 'node:crypto';
import type { Clock } from '../../kernel/clock.ts';

/** The nonces that proofs have to hold (RFC 9449 §9): each tells when it was given, so that nothing is remembered. */
export interface ProofNonces {
  /** The one that is given now. */
  current(): string;
  /** Whether it was given within the last minute and a half. */
  accepts(nonce: string): boolean;
}

/** How long one nonce is given out, in milliseconds; it counts for as long again and once more. */
const givenFor = 30_000;
/** How long a nonce may be used after it was given, at the most, in milliseconds. */
export const nonceLife = 3 * givenFor;

/** `key`: 32 octets that nobody else has. Where every gateway has one of its own, a proof is good at one of them only. */
export function createProofNonces(key: Uint8Array, clock: Clock): ProofNonces {
  const nonceAt = (span: number): string =>
    createHmac('sha256', key).update(`nonce ${span}`).digest('base64url').slice(0, 22);
  let known: readonly [span: number, nonces: readonly string[]] = [-1, []];
  const nonces = (): readonly string[] => {
    const span = Math.floor(clock.monotonic() / givenFor);
    if (known[0] !== span) known = [span, [nonceAt(span), nonceAt(span - 1), nonceAt(span - 2)]];
    return known[1];
  };
  return { current: () => nonces()[0] ?? '', accepts: (nonce) => nonces().includes(nonce) };
}
