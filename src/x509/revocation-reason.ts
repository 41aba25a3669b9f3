/** Why a certificate is revoked, by the names and numbers of RFC 5280 §5.3.1. */
export const revocationReasons = {
  unspecified: 0,
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  certificateHold: 6,
  privilegeWithdrawn: 9,
  aACompromise: 10,
} as const;

export type RevocationReason = keyof typeof revocationReasons;

const names = new Map<number, RevocationReason>(
  Object.entries(revocationReasons).map(([name, number]) => [number, name as RevocationReason]),
);

/** The reason of a number, or null. `removeFromCRL` (8) is none: only delta CRLs have it, and nobody here reads those. */
export function revocationReasonOf(number: number): RevocationReason | null {
  return names.get(number) ?? null;
}
