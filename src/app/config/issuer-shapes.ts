import { z } from 'zod';
import type { ClaimValue } from '../../enrol/workload/workload-issuer.ts';

export const https = z.string().regex(/^https:\/\/[^\s?#]+$/, 'must be a URL of https without a query');
export const words = z.string().min(1).max(1_024);
export const issuerName = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$/, 'must be 1 to 64 of a-z, 0-9 and "-"');

export const pointer = z
  .string()
  .regex(/^(\/([^~/]|~[01])*)+$/, 'must be a JSON Pointer, such as /kubernetes.io/namespace');
const claimValue = z.union([z.string().max(1_024), z.number(), z.boolean()]);
export const claims = z
  .record(pointer, z.union([claimValue, z.array(claimValue).min(1).max(64)]))
  .default({})
  .meta({ description: 'Claims that must have one of these values, each by its JSON Pointer.' });

export const ca = words
  .optional()
  .meta({ description: 'A file of the only authorities that vouch for its server.' });
export const privateAddresses = z
  .boolean()
  .default(false)
  .meta({ description: 'Whether its server may have an address that is not public.' });

/** The claims of a rule, each with all the values it may have. */
export function wantedClaims(read: z.output<typeof claims>): ReadonlyMap<string, readonly ClaimValue[]> {
  return new Map(
    Object.entries(read).map(([at, value]) => [at, Array.isArray(value) ? value : [value]] as const),
  );
}
