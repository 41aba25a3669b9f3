/** Bounds of one bridge. Times in milliseconds, sizes in octets. */
export interface BridgeLimits {
  readonly connectMilliseconds: number;
  /** From a request to the head of its answer: a slow tool answers late and in one piece. */
  readonly answerMilliseconds: number;
  /** How long a request whose connection cannot be made is tried again before the client is told. */
  readonly patienceMilliseconds: number;
  /** How long a notification may hold up what comes after it. */
  readonly noticeMilliseconds: number;
  /** Calls in flight that are waited for when the client is gone. */
  readonly finishMilliseconds: number;
  /** Ending the session when the bridge ends. */
  readonly farewellMilliseconds: number;
  /** The wait after the first failure; it doubles with each one more. */
  readonly backOffMilliseconds: number;
  readonly longestBackOffMilliseconds: number;
  /** How often the files of the identity are looked at, at most. */
  readonly reloadMilliseconds: number;
  /** How often the time is compared with the renewal window, at least: a laptop sleeps through timers. */
  readonly renewalCheckMilliseconds: number;
  /** One line of the client. */
  readonly lineBytes: number;
  /** One message of the gateway. */
  readonly messageBytes: number;
  /** Messages of the client that are under way at once. */
  readonly pendingMessages: number;
}

export const defaultBridgeLimits: BridgeLimits = {
  connectMilliseconds: 10_000,
  answerMilliseconds: 900_000,
  patienceMilliseconds: 10_000,
  noticeMilliseconds: 15_000,
  finishMilliseconds: 30_000,
  farewellMilliseconds: 1_500,
  backOffMilliseconds: 250,
  longestBackOffMilliseconds: 30_000,
  reloadMilliseconds: 1_000,
  renewalCheckMilliseconds: 30_000,
  lineBytes: 16 * 1024 * 1024,
  messageBytes: 16 * 1024 * 1024,
  pendingMessages: 256,
};
