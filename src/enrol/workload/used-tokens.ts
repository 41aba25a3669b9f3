/** Port: tokens that gave a certificate, remembered until they end. */
export interface UsedTokens {
  /**
   * Takes a token: true for exactly one caller ever. What has ended at `now` is forgotten; times in epoch milliseconds.
   */
  take(hash: string, endsAt: number, now: number): Promise<boolean>;
  /** Whether a token was taken and is not forgotten yet. */
  has(hash: string): Promise<boolean>;
}
