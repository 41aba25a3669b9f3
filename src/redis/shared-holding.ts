import type { Claim, Holding, Shortage } from '../gateway/limit-store.ts';
import type { MemoryHolding } from '../gateway/memory-limits.ts';
import { settleScript } from './limit-scripts.ts';
import type { OpenCalls } from './open-calls.ts';
import { readShortage } from './read-shortage.ts';
import type { RedisLink } from './redis-link.ts';

/** Octets of one answer after which the shared budgets are told. */
const tellOctets = 65_536;

interface Parts {
  readonly holding: MemoryHolding;
  readonly claims: readonly Claim[];
  readonly counters: readonly string[];
  readonly open: OpenCalls;
  readonly link: RedisLink;
}

/** Places and calls that were taken for all gateways. */
export class SharedHolding implements Holding {
  readonly shortage = null;
  readonly #parts: Parts;
  /** The claims whose rules have budgets of octets, and those with places. */
  readonly #budgets: readonly number[];
  readonly #places: readonly number[];
  #untold = 0;
  #telling = false;
  #overdrawn: Shortage | null = null;
  #left = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    const { claims } = parts;
    this.#budgets = placesWhere(
      claims,
      ({ rule: { budget } }) => hasOctets(budget.hour) || hasOctets(budget.day),
    );
    this.#places = placesWhere(claims, ({ rule }) => rule.concurrent !== null);
  }

  spend(octets: number): Shortage | null | Promise<Shortage | null> {
    const here = this.#parts.holding.spend(octets);
    if (this.#budgets.length === 0) return here;
    this.#untold += octets;
    // The others should know before the next call of theirs.
    if (here) return this.#tell(false).then(() => here);
    if (this.#overdrawn) return this.#overdrawn;
    if (this.#untold >= tellOctets && !this.#telling) void this.#tell(false);
    return null;
  }

  leave(): void | Promise<void> {
    if (this.#left) return;
    this.#left = true;
    const { claims, counters, open, holding } = this.#parts;
    holding.leave();
    for (const at of this.#places) open.remove(counters[at] ?? '', claims[at]?.calls ?? 0);
    if (this.#places.length > 0 || this.#untold > 0) return this.#tell(true);
  }

  /** Tells the octets so far and, at the end, gives the places back. What is not heard is made good when the memory is back. */
  async #tell(leaving: boolean): Promise<void> {
    const { claims, counters, link } = this.#parts;
    if (!link.up) return;
    const octets = this.#untold;
    this.#untold = 0;
    const concerned = [...new Set([...(octets > 0 ? this.#budgets : []), ...(leaving ? this.#places : [])])];
    const values = concerned.flatMap((at) => {
      const { rule, calls } = claims[at] ?? { rule: null, calls: 0 };
      const places = leaving && this.#places.includes(at) ? calls : 0;
      const counted = this.#budgets.includes(at) ? octets : 0;
      return [places, counted, mostOf(rule?.budget.hour), mostOf(rule?.budget.day)].map(String);
    });
    const keys = concerned.map((at) => counters[at] ?? '');
    this.#telling = true;
    try {
      const reply = await link.run(settleScript, keys, [link.time, link.generation, ...values]);
      if (!Array.isArray(reply)) throw link.refuseAnswer();
      const [place, window, wait] = reply as readonly unknown[];
      if (typeof place !== 'number') return;
      const rule = claims[concerned[place - 1] ?? -1]?.rule;
      this.#overdrawn ??= readShortage(rule, { kind: 'octets', window, wait });
    } catch {
      // The link says that it is away, and says what is open when it is back.
    } finally {
      this.#telling = false;
    }
  }
}

function placesWhere(claims: readonly Claim[], fits: (claim: Claim) => boolean): readonly number[] {
  return claims.flatMap((claim, at) => (fits(claim) ? [at] : []));
}

function hasOctets(budget: { readonly octets: number | null } | null): boolean {
  return budget !== null && budget.octets !== null;
}

/** The octets that a budget allows, as `settleScript` wants them. */
function mostOf(budget: { readonly octets: number | null } | null | undefined): string {
  return budget ? String(budget.octets ?? '-') : '';
}
