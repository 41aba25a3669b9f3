import type { Clock } from '../kernel/clock.ts';

/** The time as an HTTP date (RFC 9110 §5.6.7), written anew once a second. */
export function createHttpDate(clock: Clock): () => string {
  let second = -1;
  let text = '';
  return () => {
    const now = Math.floor(clock.now() / 1_000);
    if (now !== second) {
      second = now;
      text = new Date(now * 1_000).toUTCString();
    }
    return text;
  };
}
