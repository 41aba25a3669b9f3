import { Fault } from '../kernel/fault.ts';
import { type LeafKind, leafProfiles } from '../x509/leaf-profile.ts';

const second = 1000;
const shortestLife = 60 * second;
// A relying party whose clock is a little behind must not see a certificate from the future.
const backdate = 60 * second;

/** A life that a profile allows, in milliseconds: the one asked for, or the default. Throws Fault `invalid_input`. */
export function allowedLife(kind: LeafKind, requested: number | null): number {
  const { defaultLife, maximumLife } = leafProfiles[kind];
  if (requested === null) return defaultLife;
  if (Number.isInteger(requested) && requested >= shortestLife && requested <= maximumLife) return requested;
  throw new Fault(
    'invalid_input',
    `A certificate of kind ${kind} lives at least 1 minute and at most ${maximumLife / 60_000} minutes; ${requested / 60_000} minutes were asked for.`,
  );
}

/**
 * The validity period of a leaf, in whole seconds: from one minute ago, for `life` milliseconds from now, and never
 * longer than its issuer's. Throws Fault `unavailable` when the issuer is over, has under a minute left, or has not begun.
 */
export function leafValidity(
  life: number,
  now: number,
  issuer: { readonly notBefore: number; readonly notAfter: number },
): { readonly notBefore: number; readonly notAfter: number } {
  if (now < issuer.notBefore || now > issuer.notAfter - shortestLife) {
    throw new Fault(
      'unavailable',
      `The issuing certificate is valid from ${iso(issuer.notBefore)} to ${iso(issuer.notAfter)} and cannot sign at ${iso(now)}. Check the clock, or make a new intermediate.`,
    );
  }
  return {
    notBefore: Math.max(wholeSecond(now - backdate), issuer.notBefore),
    notAfter: Math.min(wholeSecond(now + life), issuer.notAfter),
  };
}

// X.509 times have no fractions of a second (RFC 5280 §4.1.2.5).
function wholeSecond(time: number): number {
  return Math.floor(time / second) * second;
}

function iso(time: number): string {
  return new Date(time).toISOString();
}
