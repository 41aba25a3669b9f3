import type { LeafKind } from '../x509/leaf-profile.ts';

/** The hardware that a key is in, in the word of somebody who vouches for it. */
export interface HardwareKey {
  /** How it was attested: `tpm`, `apple`, `android-key`. */
  readonly format: string;
  readonly maker: string;
  /** What its maker calls the device. */
  readonly device: string;
}

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
  /** The hardware that the key of the request is in, where that was attested. */
  readonly hardware?: HardwareKey | null;
  /** Serial of the certificate being renewed, or null. */
  readonly replaces: string | null;
}
