/** How much a holder of keys or secrets is waited for and asked at once. */
export interface HolderLimits {
  /** One attempt, in milliseconds. */
  readonly attemptMilliseconds: number;
  /** A whole act with waiting and repeating, in milliseconds. */
  readonly totalMilliseconds: number;
  /** Attempts for what may be repeated. */
  readonly attempts: number;
  /** Acts under way at once; others wait their turn. */
  readonly concurrent: number;
}

export const defaultHolderLimits: HolderLimits = {
  attemptMilliseconds: 4_000,
  totalMilliseconds: 10_000,
  attempts: 3,
  concurrent: 16,
};
