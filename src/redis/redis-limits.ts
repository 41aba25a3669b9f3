import type { Budget } from '../gateway/limit-rule.ts';
import type { Claim, LimitStore, Shortage, Verdict } from '../gateway/limit-store.ts';
import type { MemoryHolding, MemoryLimitStore } from '../gateway/memory-limits.ts';
import { sha256Base64url } from '../kernel/bytes.ts';
import { Fault } from '../kernel/fault.ts';
import { keepScript, restateScript, takeScript } from './limit-scripts.ts';
import { OpenCalls } from './open-calls.ts';
import { readShortage } from './read-shortage.ts';
import type { RedisLink } from './redis-link.ts';
import { SharedHolding } from './shared-holding.ts';

/** What becomes of calls while the shared memory is away: the limits of this gateway alone hold, or nothing is let in. */
export type LimitsWhenAway = 'local' | 'refuse';

export interface RedisLimits extends LimitStore, Disposable {
  /** Requests that were let in by the limits of this gateway alone. */
  readonly alone: number;
}

/** How often counters with open calls are kept from going, in milliseconds. */
const keepMilliseconds = 3_600_000;
/**
 * Limits that hold for all gateways together. Everything is counted in this gateway first: what is beyond a limit by the calls of this
 * gateway alone is refused without asking, and while the shared memory is away the counters here are warm.
 */
export function redisLimits(link: RedisLink, local: MemoryLimitStore, whenAway: LimitsWhenAway): RedisLimits {
  const open = new OpenCalls();
  let alone = 0;
  link.onUp(() => {
    // Those of the connection before are forgotten by the server, sooner or later; these come first.
    for (const part of open.parts()) {
      const keys = part.map(([key]) => key);
      const counts = part.map(([, calls]) => String(calls));
      link.run(restateScript, keys, [link.generation, ...counts]).catch(() => undefined);
    }
  });
  const keep = setInterval(() => {
    for (const part of open.parts())
      link
        .run(
          keepScript,
          part.map(([key]) => key),
          [],
        )
        .catch(() => undefined);
  }, keepMilliseconds).unref();

  const hold = (holding: MemoryHolding, claims: readonly Claim[], counters: readonly string[]): Verdict => {
    claims.forEach(({ rule, calls }, at) => {
      if (rule.concurrent !== null) open.add(counters[at] ?? '', calls);
    });
    return new SharedHolding({ holding, claims, counters, open, link });
  };
  const withoutAsking = (
    holding: MemoryHolding,
    claims: readonly Claim[],
    counters: readonly string[],
    cause?: unknown,
  ): Verdict => {
    if (whenAway === 'refuse') {
      holding.undo();
      const detail = 'The memory that gateways share is away, and limits cannot be told without it.';
      throw new Fault('unavailable', detail, { cause, retryAfterMilliseconds: 1_000 });
    }
    alone += 1;
    return hold(holding, claims, counters);
  };

  return {
    get alone() {
      return alone;
    },
    take(claims) {
      const holding = local.take(claims);
      if (holding.shortage) return holding;
      const counters = claims.map((_, at) => `${link.prefix}limit:${sha256Base64url(holding.counterOf(at))}`);
      if (!link.up) return withoutAsking(holding, claims, counters);
      const values = [link.time, link.generation, link.aliveKeys, ...claims.flatMap(valuesOf)];
      return link.run(takeScript, counters, values).then(
        (reply) => {
          const answer = readAnswer(reply, claims);
          if (answer === 'held') return hold(holding, claims, counters);
          if (answer !== null) {
            holding.undo();
            return { shortage: answer };
          }
          return withoutAsking(holding, claims, counters, link.refuseAnswer());
        },
        (error: unknown) => withoutAsking(holding, claims, counters, error),
      );
    },
    [Symbol.dispose]: () => clearInterval(keep),
  };
}

/** The numbers of a rule, as `takeScript` wants them. */
function valuesOf({ rule, calls }: Claim): readonly string[] {
  const { rate, concurrent, budget } = rule;
  return [
    String(calls),
    rate ? String(rate.milliseconds / rate.calls) : '',
    rate ? String(rate.burst) : '',
    concurrent === null ? '' : String(concurrent),
    ...budgetValues(budget.hour),
    ...budgetValues(budget.day),
  ];
}

function budgetValues(budget: Budget | null): readonly string[] {
  return budget ? [String(budget.calls ?? '-'), String(budget.octets ?? '-')] : ['', ''];
}

/** null for an answer that `takeScript` does not give; a generation that ended is one of them. */
function readAnswer(reply: unknown, claims: readonly Claim[]): 'held' | Shortage | null {
  if (!Array.isArray(reply)) return null;
  const [word, place, kind, window, wait] = reply as readonly unknown[];
  if (word === 'held') return 'held';
  if (word !== 'short' || typeof place !== 'number') return null;
  return readShortage(claims[place - 1]?.rule, { kind, window, wait });
}
