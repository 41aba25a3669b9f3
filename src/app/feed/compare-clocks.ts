import type { WholeResponse } from '../../http/fetch.ts';
import { isJsonObject, type Json } from '../../kernel/canonical-json.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { FeedAge, FeedStamp } from './feed-age.ts';

/** How often the clocks are compared, and how often at the most while what is heard seems late, in milliseconds. */
const pauseMilliseconds = 15_000;
const pauseWhileLate = 1_000;
/** How late that is. */
const lateMilliseconds = 1_000;

/**
 * Compares the clocks of both sides when it is time to, or when what was heard last seems late. `ask` asks the authority for its
 * stamp. Returns what is called with every message and with when it was said.
 */
export function compareClocks(
  age: FeedAge,
  clock: Pick<Clock, 'monotonic'>,
  ask: () => Promise<Pick<WholeResponse, 'status' | 'json'>>,
): (saidAt: number) => void {
  let askedAt = clock.monotonic();
  let asking = false;
  const compare = async (sentAt: number): Promise<void> => {
    try {
      const answer = await ask();
      const stamp = answer.status === 200 ? readStamp(answer.json()) : null;
      if (stamp) age.compare(stamp, sentAt);
    } catch {
      // It is asked again; and the feed itself is opened anew when nothing could be asked for long.
    } finally {
      asking = false;
    }
  };
  return (saidAt) => {
    const now = clock.monotonic();
    const pause = now - saidAt > lateMilliseconds ? pauseWhileLate : pauseMilliseconds;
    if (asking || now - askedAt < pause) return;
    asking = true;
    askedAt = now;
    void compare(now);
  };
}

function readStamp(value: Json): Pick<FeedStamp, 'of' | 'at'> | null {
  if (!isJsonObject(value)) return null;
  const { of, at } = value;
  return typeof of === 'string' && typeof at === 'number' ? { of, at } : null;
}
