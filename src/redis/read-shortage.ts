import type { LimitRule } from '../gateway/limit-rule.ts';
import type { Shortage } from '../gateway/limit-store.ts';

/** What a script says of a shortage; null when it cannot be read. */
export function readShortage(
  rule: LimitRule | undefined,
  said: { readonly kind: unknown; readonly window: unknown; readonly wait: unknown },
): Shortage | null {
  const { kind, window } = said;
  const wait = Number(said.wait);
  if (!rule || !Number.isFinite(wait)) return null;
  if (kind === 'rate') return { rule, kind, window: null, milliseconds: wait, never: false };
  if (kind === 'concurrent') return { rule, kind, window: null, milliseconds: null, never: false };
  if ((kind === 'calls' || kind === 'octets') && (window === 'hour' || window === 'day')) {
    return { rule, kind, window, milliseconds: wait, never: false };
  }
  return null;
}
