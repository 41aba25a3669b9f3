import { sha256Base64url } from '../kernel/bytes.ts';
import type { Clock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import { luaScript, luaSince, luaTime } from './lua-script.ts';
import { mostClockDifference, type RedisLink } from './redis-link.ts';

/** Something that may be used once by all gateways together. */
export interface OneUse {
  /** What kind of thing it is, and all that tells it from others of the kind. */
  readonly names: readonly string[];
  /** Nobody can have used it before, epoch milliseconds. */
  readonly from: number;
  /** Nobody accepts it from then on, epoch milliseconds. */
  readonly until: number;
}

/** How much longer than until its end a use is remembered, for gateways whose clocks are behind. Milliseconds. */
const longerMilliseconds = 2 * mostClockDifference;

/**
 * KEYS: since when is remembered; the use. ARGV: how long ago the thing may have been used first, its end, the time of the gateway that
 * asks, and how long it is remembered; in milliseconds. A use that is still good for whoever asks is one.
 */
export const onceScript = luaScript(`${luaTime}${luaSince}
local used = redis.call('GET', KEYS[2])
if used and tonumber(used) > tonumber(ARGV[3]) then return {'used'} end
local since = rememberingSince(KEYS[1])
local wait = since + tonumber(ARGV[1]) - theTime('')
if wait >= 0 then return {'new', string.format('%.0f', math.ceil(wait) + 1)} end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[4])
return {'taken'}`);

/**
 * Uses a thing for all gateways: true for exactly one. Throws Fault `unavailable` when that cannot be told: the memory is away, it began only
 * after the thing may have been used, or its clock is another one than ours.
 */
export async function useOnce(link: RedisLink, clock: Clock, use: OneUse): Promise<boolean> {
  const difference = link.clockDifference;
  if (Math.abs(difference) > mostClockDifference) {
    const seconds = Math.round(difference / 1_000);
    throw refused(`The clock of this gateway is ${seconds} s ahead of that of the shared memory; set both.`);
  }
  const now = clock.now();
  const key = `${link.prefix}once:${sha256Base64url(JSON.stringify(use.names))}`;
  const age = now - use.from + mostClockDifference;
  const life = Math.ceil(Math.max(1, use.until - now) + longerMilliseconds);
  const values = [age, use.until, now, life].map(String);
  const reply = await link.run(onceScript, [`${link.prefix}since`, key], values);
  const [word, wait] = Array.isArray(reply) ? (reply as readonly unknown[]) : [];
  if (word === 'taken') return true;
  if (word === 'used') return false;
  if (word !== 'new' || !Number.isFinite(Number(wait))) throw link.refuseAnswer();
  throw refused(
    'The shared memory began anew, and it cannot be told whether this was used before. Make it anew in a moment.',
    Number(wait),
  );
}

function refused(detail: string, retryAfterMilliseconds = 1_000): Fault {
  return new Fault('unavailable', detail, { retryAfterMilliseconds });
}
