/** Which callers of a partner have which roles here. */
export interface PartnerMapping {
  /** A path of SPIFFE IDs: `*` stands for any letters of one segment, a last segment `**` for all that lies below. */
  readonly pattern: string;
  readonly roles: readonly string[];
}

/** Where the bundle of a partner is fetched, and how whoever answers there is known. */
export interface BundleSource {
  /** https. */
  readonly url: string;
  /**
   * `web`: by the host of the URL, with the authorities in PEM, or with those of the system when there are none.
   * `spiffe`: by a SPIFFE ID of the partner, with the bundle itself (SPIFFE Federation §5.2).
   */
  readonly known:
    | { readonly by: 'web'; readonly authorities: string | null }
    | { readonly by: 'spiffe'; readonly id: string };
  /** Whether the URL may lead to an address that is not public. */
  readonly privateAddresses: boolean;
}

/** Another trust domain whose callers are let in, and as what. Times are epoch milliseconds. */
export interface PartnerRecord {
  readonly name: string;
  readonly trustDomain: string;
  /** The certificates of its authorities: base64 of the DER. */
  readonly authorities: readonly string[];
  readonly mappings: readonly PartnerMapping[];
  /** The longest life that a certificate of its callers may have, in milliseconds. */
  readonly maximumLife: number;
  /** Null when the bundle is only ever given by hand. */
  readonly source: BundleSource | null;
  /** How long a bundle is trusted after it was read, in milliseconds. */
  readonly trustedFor: number;
  /** As the bundle says; null when it does not. */
  readonly sequence: number | null;
  readonly refreshHint: number | null;
  readonly addedAt: number;
  /** When the bundle was last read. */
  readonly readAt: number;
}

/** When a partner is trusted no longer, unless its bundle is read again before. */
export function trustEnds({ readAt, trustedFor }: Pick<PartnerRecord, 'readAt' | 'trustedFor'>): number {
  return readAt + trustedFor;
}
