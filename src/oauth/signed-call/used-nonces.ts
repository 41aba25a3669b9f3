/** The nonces of signed calls that were taken, so that none is taken twice (RFC 9421 §7.2.2). */
export interface UsedNonces {
  /**
   * Takes a nonce of a key: false when it was taken already. `until`, in epoch milliseconds, is the end of the signature:
   * until then it is remembered. What cannot be remembered is not taken: throws Fault `unavailable`.
   */
  take(thumbprint: string, nonce: string, until: number): boolean | Promise<boolean>;
}
