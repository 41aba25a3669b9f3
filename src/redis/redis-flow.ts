import type {
  FlowMemory,
  FlowParty,
  Forgetting,
  Memorable,
  Recalled,
  Use,
} from '../gateway/flow/flow-memory.ts';
import type { Labels } from '../gateway/flow/flow-rules.ts';
import { sha256Base64url } from '../kernel/bytes.ts';
import { Fault } from '../kernel/fault.ts';
import { readFlowAnswer, writeUse } from './flow-rows.ts';
import { forgetScript, recallScript, rememberScript, sinceScript } from './flow-scripts.ts';
import type { RedisLink } from './redis-link.ts';

/** What becomes of calls under rules of flow while the shared memory is away: refused, or judged by what came by here alone. */
export type FlowsWhenAway = 'refuse' | 'local';

/** How long a memory that began anew is not relied on, in milliseconds: so long gateways take at most to tell it what they know. */
const settlingMilliseconds = 5_000;
/** People of one agent that are kept apart, as in the memory of one gateway. */
const mostPeople = 256;
/** Uses that are told at once. */
const mostAtOnce = 100;

/**
 * What agents have used at any gateway. Everything stays in the memory of this gateway as well, and what others tell is learnt there: a shared
 * memory that begins anew is told again what each gateway knows.
 */
export function redisFlow(link: RedisLink, local: FlowMemory, whenAway: FlowsWhenAway): FlowMemory {
  const orders = new Map<string, Forgetting>();
  const since = `${link.prefix}since`;
  const tasks = `${link.prefix}flow:`;
  let told: { readonly since: string; all: boolean } | null = null;
  let how: Memorable = { quiet: Infinity, longest: Infinity };

  const tell = (
    families: readonly string[],
    row: { person: string | null; labels: Labels; use: Use },
    first = row.use.at,
  ) => {
    const { person, labels, use } = row;
    return link.run(
      rememberScript,
      [since],
      [
        link.time,
        tasks,
        person === null ? '-' : sha256Base64url(person),
        String(mostPeople),
        String(use.at),
        String(first),
        String(families.length),
        ...families.map(sha256Base64url),
        ...labels.flatMap((label) => [label, writeUse(person, use)]),
      ],
    );
  };
  const giveOrders = async (): Promise<void> => {
    const given = [...orders];
    for (let at = 0; at < given.length && link.up; at += mostAtOnce) {
      const some = given.slice(at, at + mostAtOnce).map(async ([key, order]) => {
        const person = order.person === null ? '' : sha256Base64url(order.person);
        await link.run(forgetScript, [], [tasks, sha256Base64url(order.family), person, String(order.until)]);
        if (orders.get(key) === order) orders.delete(key);
      });
      // What goes wrong takes the link away, and is given again when it is back.
      await Promise.allSettled(some);
    }
  };
  const tellAll = async (): Promise<void> => {
    const began = await link.run(sinceScript, [since], []);
    if (typeof began !== 'string') throw link.refuseAnswer();
    if (told?.since === began && told.all) return;
    const telling = { since: began, all: true };
    told = telling;
    try {
      const rows = await local.list(how);
      for (let at = 0; at < rows.length; at += mostAtOnce) {
        const some = rows
          .slice(at, at + mostAtOnce)
          .map(({ family, person, label, since: first, ...use }) =>
            tell([family], { person, labels: [label], use }, first),
          );
        await Promise.all(some);
      }
    } catch (error) {
      telling.all = false;
      throw error;
    }
  };
  link.onUp(() => {
    void giveOrders();
    // What goes wrong here takes the link away, and it comes up again.
    tellAll().catch(() => undefined);
  });

  const untold = (): void => {
    if (told) told.all = false;
  };

  return {
    async recall(party, memorable) {
      how = memorable;
      const here = await local.recall(party, memorable);
      const away = link.up ? await learn(party, memorable, here) : awayFault();
      if (away && whenAway === 'refuse') throw away;
      return await local.recall(party, memorable);
    },
    async remember(party, labels, use) {
      if (labels.length === 0) return;
      const here = local.remember(party, labels, use);
      const there = link.up
        ? tell(party.families, { person: party.person, labels, use })
        : Promise.reject(awayFault());
      const [kept, shared] = await Promise.allSettled([here, there]);
      if (kept.status === 'rejected') throw kept.reason;
      if (shared.status === 'fulfilled') return;
      untold();
      if (whenAway === 'refuse') throw shared.reason;
    },
    async forget(order) {
      await local.forget(order);
      const key = JSON.stringify([order.family, order.person]);
      const known = orders.get(key);
      if (!known || known.until < order.until) orders.set(key, order);
      if (link.up) await giveOrders();
    },
    list: (memorable) => local.list(memorable),
  };

  /** Takes over what others know. Gives the fault of a memory that cannot be relied on now. */
  async function learn(
    party: FlowParty,
    { quiet, longest, working }: Memorable & { readonly working: boolean },
    here: Recalled,
  ): Promise<Fault | null> {
    const person = party.person === null ? '' : sha256Base64url(party.person);
    const families = party.families.map(sha256Base64url);
    const bounds = [quiet, longest].map((bound) => String(Math.min(bound, Number.MAX_SAFE_INTEGER)));
    let reply: unknown;
    try {
      reply = await link.run(
        recallScript,
        [since],
        [link.time, tasks, ...bounds, working ? '1' : '', person, ...families],
      );
    } catch (error) {
      return error instanceof Fault ? error : awayFault(error);
    }
    const answer = readFlowAnswer(reply, party.families);
    if (!answer) return link.refuseAnswer();
    for (const { party: of, label, use } of answer.rows) {
      const known = here.use(label);
      if (known && known.at >= use.at) continue;
      // That it is durable here is not waited for: it is in the shared memory.
      Promise.resolve(local.remember(of, [label], use)).catch(() => undefined);
    }
    return answer.remembering < settlingMilliseconds ? awayFault() : null;
  }
}

function awayFault(cause?: unknown): Fault {
  const detail =
    'What agents have used at other gateways cannot be told: the memory that gateways share is away or began anew, so the call is refused.';
  return new Fault('unavailable', detail, { cause, retryAfterMilliseconds: 1_000 });
}
