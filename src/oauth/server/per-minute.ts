import type { Clock } from '../../kernel/clock.ts';

const minute = 60_000;

/** Whether one more is let through in this minute, of all that ask together (RFC 6585 §4). */
export function perMinute(clock: Clock, most: number): () => boolean {
  let began = clock.monotonic();
  let count = 0;
  return () => {
    if (clock.monotonic() - began >= minute) {
      began = clock.monotonic();
      count = 0;
    }
    count += 1;
    return count <= most;
  };
}
