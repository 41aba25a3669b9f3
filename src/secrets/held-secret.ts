import type { Clock } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import { randomFraction } from '../kernel/random.ts';
import { mayPass, waitAfter } from './holder-gate.ts';
import type { Lease, Leased } from './holder.ts';

/** What became of a secret, for logs and records: never its value. */
export type SecretEvent =
  | { readonly kind: 'obtained'; readonly source: string; readonly leaseMilliseconds: number | null }
  | { readonly kind: 'failed'; readonly source: string; readonly error: unknown };

export interface HeldSecretOptions {
  /** As in references, without the field. */
  readonly source: string;
  readonly clock: Clock;
  /** How long what has no lease is used before it is read again, in milliseconds. */
  readonly holdMilliseconds: number;
  /** How much longer it is used while its holder does not answer. */
  readonly outageMilliseconds: number;
  readonly read: () => Promise<Leased>;
  readonly renew: ((lease: Lease) => Promise<number>) | null;
  readonly revoke: (lease: Lease) => Promise<void>;
  readonly tell: (event: SecretEvent) => void;
}

interface Held {
  readonly leased: Leased;
  readonly text: string;
  readonly askedAt: number;
  /** Until when it is handed out without asking. */
  freshUntil: number;
  /** When its lease is to be renewed. */
  renewAt: number;
}

/** One more than any lease needs between two looks at it. */
const longestTimer = 24 * 3_600_000;
/** How soon after it was made a leased credential that a server refuses is made anew, in milliseconds. */
const soonestAnew = 30_000;
/** How long a value that nobody asks for stays in memory, in milliseconds. */
const forgottenAfter = 600_000;

/** One secret in memory: read once for all who wait, renewed in time, read again, given back. */
export class HeldSecret {
  readonly #options: HeldSecretOptions;
  #held: Held | null = null;
  #flight: Promise<void> | null = null;
  #failures = 0;
  #failure: { readonly error: unknown; readonly until: number } | null = null;
  #usedAt: number;
  #keepers = 0;
  /** How often in a row a server refused a value that its holder has still. */
  #refusals = 0;
  #soonestAgain = Number.NEGATIVE_INFINITY;
  /** Leases of values that were replaced and may be in use still. */
  readonly #leaving = new Map<Lease, number>();
  #timer: NodeJS.Timeout | null = null;
  #over = false;

  constructor(options: HeldSecretOptions) {
    this.#options = options;
    this.#usedAt = options.clock.monotonic();
  }

  /** The value as of now. Throws the fault of the holder. */
  current(): Leased | Promise<Leased> {
    const now = this.#options.clock.monotonic();
    this.#usedAt = now;
    const held = this.#held;
    if (held && now < held.freshUntil) {
      // While it is still good, nobody waits for that.
      if (now >= held.renewAt) this.#refresh().catch(() => undefined);
      return held.leased;
    }
    return this.#read(false);
  }

  /** A server refused it: the value is read again, at once and then, while it is still the same, at longer and longer times. */
  async again(): Promise<Leased> {
    const held = this.#held;
    if (!held) return await this.current();
    const now = this.#options.clock.monotonic();
    const soonest = held.leased.lease ? held.askedAt + soonestAnew : this.#soonestAgain;
    if (now < soonest && !this.#flight) return held.leased;
    const next = await this.#read(true);
    this.#refusals = this.#held?.text === held.text ? this.#refusals + 1 : 0;
    this.#soonestAgain = this.#refusals === 0 ? now : now + waitAfter(this.#refusals);
    return next;
  }

  /** Its lease is renewed until the end of what is returned, also when nobody asks for it. */
  keep(): Disposable {
    this.#keepers += 1;
    let kept = true;
    return {
      [Symbol.dispose]: () => {
        if (kept) this.#keepers -= 1;
        kept = false;
      },
    };
  }

  /** For how long the holder gave it, in milliseconds; null when it said nothing. */
  lease(): number | null {
    return this.#held?.leased.lease?.milliseconds ?? null;
  }

  /** Gives every lease back; never throws. */
  async end(): Promise<void> {
    this.#over = true;
    if (this.#timer) clearTimeout(this.#timer);
    await this.#flight?.catch(() => undefined);
    const leases = [...this.#leaving.keys()];
    if (this.#held?.leased.lease) leases.push(this.#held.leased.lease);
    this.#held = null;
    this.#leaving.clear();
    await Promise.allSettled(leases.map((lease) => this.#options.revoke(lease)));
  }

  async #read(again: boolean): Promise<Leased> {
    const before = this.#held;
    this.#refuseAfterFailure();
    await (this.#flight ??= this.#landing(this.#replace())).catch((error: unknown) => {
      if (!this.#stands(error, again ? before : this.#held)) throw error;
    });
    if (this.#held) return this.#held.leased;
    throw new Fault('unavailable', 'The secret was given back meanwhile.');
  }

  /** While a holder does not answer, a value may serve for longer if that was chosen. */
  #stands(error: unknown, held: Held | null): boolean {
    const { clock, outageMilliseconds } = this.#options;
    if (!held || !mayPass(error)) return false;
    const extra = held.leased.lease ? 0 : outageMilliseconds;
    return clock.monotonic() < held.freshUntil + extra;
  }

  #refuseAfterFailure(): void {
    const failure = this.#failure;
    if (!failure || this.#flight) return;
    const left = failure.until - this.#options.clock.monotonic();
    if (left <= 0) return;
    if (!(failure.error instanceof Fault)) throw failure.error;
    const { code, message } = failure.error;
    throw new Fault(code, message, { cause: failure.error, retryAfterMilliseconds: left });
  }

  #landing(flight: Promise<void>): Promise<void> {
    const landed = flight.finally(() => (this.#flight = null));
    landed.catch(() => undefined);
    return landed;
  }

  async #replace(): Promise<void> {
    const { clock, source, tell } = this.#options;
    const askedAt = clock.monotonic();
    try {
      const leased = await this.#options.read();
      const before = this.#held;
      const text = JSON.stringify([...leased.fields, leased.whole]);
      this.#take({ leased, text, askedAt, freshUntil: 0, renewAt: Number.POSITIVE_INFINITY });
      const recovered = this.#failures > 0;
      this.#failures = 0;
      this.#failure = null;
      if (before?.leased.lease) this.#leaving.set(before.leased.lease, before.freshUntil);
      if (before?.text === text && !leased.lease && !recovered) return;
      tell({ kind: 'obtained', source, leaseMilliseconds: leased.lease?.milliseconds ?? null });
    } catch (error) {
      this.#failed(error);
      throw error;
    }
  }

  #failed(error: unknown): void {
    // Its holder is being left alone, and that was told when it began.
    if (error instanceof Fault && error.retryAfterMilliseconds !== null) return;
    this.#failures += 1;
    const until = this.#options.clock.monotonic() + waitAfter(this.#failures);
    // For a holder that does not answer, the way to it has a wait of its own for all its secrets.
    this.#failure = mayPass(error) ? null : { error, until };
    this.#options.tell({ kind: 'failed', source: this.#options.source, error });
  }

  #take(held: Held): void {
    const { lease } = held.leased;
    if (lease) this.#spread(held, held.askedAt, lease.milliseconds);
    else held.freshUntil = held.askedAt + this.#options.holdMilliseconds;
    this.#held = held;
    const now = this.#options.clock.monotonic();
    for (const [left, until] of this.#leaving) if (until < now) this.#leaving.delete(left);
    this.#wait(lease ? held.renewAt - now : forgottenAfter);
  }

  /** Renewed when about two thirds are over, not together with others; not handed out in its last moments. */
  #spread(held: Held, from: number, milliseconds: number): void {
    held.renewAt = from + milliseconds * (0.6 + 0.15 * randomFraction());
    held.freshUntil = from + milliseconds - Math.min(10_000, milliseconds / 20);
  }

  #wait(milliseconds: number): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#over) return;
    this.#timer = setTimeout(() => void this.#due(), Math.min(longestTimer, Math.max(10, milliseconds)));
    this.#timer.unref();
  }

  async #due(): Promise<void> {
    const { clock } = this.#options;
    const held = this.#held;
    if (!held || this.#over) return;
    const now = clock.monotonic();
    const idle = held.leased.lease ? held.leased.lease.milliseconds / 2 : forgottenAfter;
    if (this.#keepers === 0 && now - this.#usedAt >= idle) return await this.#giveBack(held);
    if (!held.leased.lease) return this.#wait(forgottenAfter);
    if (now < held.renewAt) return this.#wait(held.renewAt - now);
    await this.#refresh().catch(() => undefined);
  }

  async #giveBack(held: Held): Promise<void> {
    this.#held = null;
    const { lease } = held.leased;
    if (lease) await this.#options.revoke(lease).catch(() => undefined);
  }

  /** Renews the lease, or gets another secret when it cannot be renewed any further. */
  #refresh(): Promise<void> {
    return (this.#flight ??= this.#landing(this.#renewOrReplace()));
  }

  async #renewOrReplace(): Promise<void> {
    const { clock, renew } = this.#options;
    const held = this.#held;
    const lease = held?.leased.lease;
    if (!held || !lease) return;
    try {
      const now = clock.monotonic();
      const good = renew && lease.renewable ? await this.#renewed(lease, renew) : 0;
      // Near the end of its largest life a holder gives less and less.
      if (good < lease.milliseconds / 2) return await this.#replace();
      this.#spread(held, now, good);
      this.#wait(held.renewAt - clock.monotonic());
    } catch (error) {
      const wait = waitAfter(Math.max(1, this.#failures));
      held.renewAt = clock.monotonic() + wait;
      this.#wait(wait);
      throw error;
    }
  }

  /** 0 when the holder no longer knows the lease. */
  async #renewed(lease: Lease, renew: (lease: Lease) => Promise<number>): Promise<number> {
    try {
      return await renew(lease);
    } catch (error) {
      if (!mayPass(error)) return 0;
      this.#failed(error);
      throw error;
    }
  }
}
