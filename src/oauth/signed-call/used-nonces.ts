/** The time in which something may be used, in epoch milliseconds. */
export interface UseTime {
  /** Nobody can have used it before. */
  readonly from: number;
  /** Nobody accepts it from then on. */
  readonly until: number;
}

/** The nonces of signed calls that were taken, so that none is taken twice (RFC 9421 §7.2.2). */
export interface UsedNonces {
  /**
   * Takes a nonce of a key: false when it was taken already. Until its end it is remembered. What cannot be remembered is not taken,
   * and neither is what may have been used before the memory began: throws Fault `unavailable`.
   */
  take(thumbprint: string, nonce: string, time: UseTime): boolean | Promise<boolean>;
}
