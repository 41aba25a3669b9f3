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

/**
 * `own`: 32 octets that nobody else has; a proof is then good at this gateway only. `shared`: such keys that all gateways have, the one that
 * gives nonces first: then a proof is good at any of them, and they must know together which ones were used.
 */
export function createProofNonces(
  own: Uint8Array,
  clock: Clock,
  shared: () => readonly Uint8Array[] = () => [],
): ProofNonces {
  const ownKeys = [own];
  let known: Known = { keys: [], span: -1, current: '', accepted: new Set() };
  const now = (): Known => {
    const given = shared();
    const together = given.length > 0;
    const keys = together ? given : ownKeys;
    // Gateways have the time of day in common, and it may be a little later at another one.
    const span = Math.floor((together ? clock.now() : clock.monotonic()) / givenFor);
    if (known.span === span && known.keys === keys) return known;
    const spans = together ? [span, span - 1, span - 2, span + 1] : [span, span - 1, span - 2];
    const [current = '', ...others] = keys.flatMap((key) => spans.map((each) => nonceAt(key, each)));
    known = { keys, span, current, accepted: new Set([current, ...others]) };
    return known;
  };
  return { current: () => now().current, accepts: (nonce) => now().accepted.has(nonce) };
}

interface Known {
  readonly keys: readonly Uint8Array[];
  readonly span: number;
  readonly current: string;
  readonly accepted: ReadonlySet<string>;
}

function nonceAt(key: Uint8Array, span: number): string {
  return createHmac('sha256', key).update(`nonce ${span}`).digest('base64url').slice(0, 22);
}
