import type { LeafKind } from '../x509/leaf-profile.ts';

/** What a door of enrolment has proved about the one who asks. A door gives evidence; the authority decides. */
export interface Evidence {
  /** `join-token`, `renewal` or `admin`. */
  readonly door: string;
  readonly name: string;
  readonly kind: LeafKind;
  /** Who stands behind the request: the maker of the join token, the administrator, the holder of the old certificate. */
  readonly owner: string;
  /** The most the certificate may carry. */
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  /** Where the request came from, when the door knows. */
  readonly address?: string | null;
  /** Serial of the certificate being renewed, or null. */
  readonly replaces: string | null;
}
