/** A chain that a statement came with, and what it has to lead to. */
export interface AttestationChain {
  /** DER. */
  readonly leaf: Uint8Array;
  readonly intermediates: readonly Uint8Array[];
  /** PEM. */
  readonly roots: string;
  /** Whether the certificates must follow RFC 5280 to the letter. */
  readonly strict: boolean;
  /** When, in epoch milliseconds. */
  readonly at: number;
}

/** Port: whether a chain leads to the roots at that time. OpenSSL decides it. */
export interface ChainVerifier {
  /** Null when it does, or why not. Throws Fault `unavailable` when it cannot be decided. */
  verify(chain: AttestationChain): Promise<string | null>;
}
