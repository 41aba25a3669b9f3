import { assertNever } from '../kernel/assert-never.ts';
import { Fault } from '../kernel/fault.ts';
import type { Standing } from '../identity/standing.ts';
import type { Inbound } from '../mcp/message.ts';
import type { Permit } from './authorize.ts';
import { callsIn, createLimitClaims, type LimitClaims, type LimitedCaller } from './limit-claims.ts';
import type { LimitRules } from './limit-rule.ts';
import type { Claim, Holding, LimitStore, Shortage, Verdict } from './limit-store.ts';
import type { Turns } from './turns.ts';

/** Rate, concurrency and budgets of callers, servers and tools. */
export interface Limits {
  /**
   * Takes a place under the limits of the caller alone, and waits for its turn where others are at work. Throws Fault `rate_exceeded`, `limit_reached` or
   * `budget_spent`, and `unavailable` when the store cannot tell.
   * `later`: the person is the one that a token says (`forPerson`); the owner of the agent unless given.
   */
  enter(standing: Standing, person?: 'owner' | 'later'): Place | Promise<Place>;
  /**
   * The limits for the parts of a request that holds a place already: the caller is counted once for the whole, each
   * part for its own server and tool. Octets of the parts count for both.
   */
  within(whole: Place): Limits;
}

/** A request's places, held until the last octet of its answer is sent. */
export interface Place extends Disposable {
  /** Counts the request for a person, once that is known. Throws the faults of `enter`. */
  forPerson(person: string): void | Promise<void>;
  /** Counts the further requests of a batch under the limits of `enter`. Throws its faults. */
  countBatch(inbound: Inbound | null): void | Promise<void>;
  /** Takes what policy permitted a place under the limits of server, tool and everybody. Throws the faults of `enter`. */
  claim(permit: Permit): void | Promise<void>;
  /** Counts octets of the answer. Gives a fault of `enter` once they overdraw a budget. */
  spend(octets: number): Fault | null | Promise<Fault | null>;
}

export interface LimitsOptions {
  /** The rules in force now. */
  readonly rules: () => LimitRules;
  readonly store: LimitStore;
  /** Shares the process between those that are within their limits. */
  readonly turns: Turns;
  /** Told when places could not be given back to the store. */
  readonly onLost: (error: unknown) => void;
}

export function createLimits(options: LimitsOptions): Limits {
  let rules = options.rules();
  let claims = createLimitClaims(rules);
  const current = (): LimitClaims => {
    const now = options.rules();
    if (now !== rules) claims = createLimitClaims((rules = now));
    return claims;
  };
  const ports: PlacePorts = { claims: current, ...options };
  const placeOf = ({ agent }: Standing, whole: Place | null, later = false): HeldPlace => {
    // Whoever has no record would be on nobody's account.
    if (!agent) throw new Fault('identity_refused', 'Only agents are let in here, and this caller is none.');
    return new HeldPlace({ agent, person: later ? null : agent.owner }, whole, ports);
  };
  const within = (whole: Place): Limits => ({
    enter: (standing, person) => placeOf(standing, whole, person === 'later'),
    within,
  });
  return {
    enter(standing, person) {
      const place = placeOf(standing, null, person === 'later');
      const taken = place.take(current().ofCaller(place.caller, 1));
      const started = (): Place | Promise<Place> => {
        const turn = options.turns.take(place.caller.agent.name);
        return turn ? turn.then(() => place) : place;
      };
      return taken ? taken.then(started) : started();
    },
    within,
  };
}

interface PlacePorts extends LimitsOptions {
  readonly claims: () => LimitClaims;
}

class HeldPlace implements Place {
  caller: LimitedCaller;
  /** The place that the caller is counted in, when this is of a part of its request. */
  private readonly whole: Place | null;
  private readonly ports: PlacePorts;
  private readonly held: Holding[] = [];

  constructor(caller: LimitedCaller, whole: Place | null, ports: PlacePorts) {
    this.caller = caller;
    this.whole = whole;
    this.ports = ports;
  }

  forPerson(person: string): void | Promise<void> {
    if (this.caller.person !== null) return;
    this.caller = { agent: this.caller.agent, person };
    // A part of a request is counted with the whole.
    if (!this.whole) return this.take(this.ports.claims().ofPerson(this.caller));
  }

  countBatch(inbound: Inbound | null): void | Promise<void> {
    const further = callsIn(inbound) - 1;
    if (further > 0 && !this.whole) return this.take(this.ports.claims().ofCaller(this.caller, further));
  }

  claim({ server, inbound }: Permit): void | Promise<void> {
    return this.take(this.ports.claims().ofCall(this.caller, server, inbound));
  }

  take(claims: readonly Claim[]): void | Promise<void> {
    if (claims.length === 0) return;
    let verdict: Verdict | Promise<Verdict>;
    try {
      verdict = this.ports.store.take(claims);
    } catch (error) {
      throw cannotTell(error);
    }
    if (!(verdict instanceof Promise)) return this.keep(verdict);
    return verdict.then(
      (later) => this.keep(later),
      (error: unknown) => {
        throw cannotTell(error);
      },
    );
  }

  spend(octets: number): Fault | null | Promise<Fault | null> {
    let first: Fault | null = null;
    let waiting: Promise<Fault | null>[] | null = null;
    const ofWhole = this.whole?.spend(octets) ?? null;
    if (ofWhole instanceof Promise) waiting = [ofWhole];
    else first = ofWhole;
    for (const holding of this.held) {
      const fault = spent(holding, octets);
      if (fault instanceof Promise) (waiting ??= []).push(fault);
      else first ??= fault;
    }
    if (!waiting) return first;
    return Promise.all(waiting).then((faults) => first ?? faults.find((fault) => fault !== null) ?? null);
  }

  [Symbol.dispose](): void {
    for (let holding = this.held.pop(); holding; holding = this.held.pop()) {
      try {
        const left = holding.leave();
        if (left instanceof Promise) left.catch(this.ports.onLost);
      } catch (error) {
        this.ports.onLost(error);
      }
    }
  }

  private keep(verdict: Verdict): void {
    if (verdict.shortage) throw shortageFault(verdict.shortage);
    this.held.push(verdict);
  }
}

function spent(holding: Holding, octets: number): Fault | null | Promise<Fault | null> {
  try {
    const answer = holding.spend(octets);
    if (answer instanceof Promise) return answer.then((later) => later && shortageFault(later), cannotTell);
    return answer && shortageFault(answer);
  } catch (error) {
    return cannotTell(error);
  }
}

/** A store that cannot answer is a refusal. */
function cannotTell(cause: unknown): Fault {
  if (cause instanceof Fault) return cause;
  const detail = 'Whether a limit is reached cannot be told at the moment, so the request is refused.';
  return new Fault('unavailable', detail, { cause, retryAfterMilliseconds: 1_000 });
}

/** Nobody knows when a place is given back; a second is what `Retry-After` can say at least. */
const unknownMilliseconds = 1_000;

function shortageFault(shortage: Shortage): Fault {
  const { rule, kind, never, milliseconds } = shortage;
  const what = `Refused by the limit "${rule.name}": ${textOf(shortage)}.`;
  if (never) {
    const detail = `${what} A batch counts as its requests; send a smaller one.`;
    return new Fault(codes[kind], detail);
  }
  return new Fault(codes[kind], what, { retryAfterMilliseconds: milliseconds ?? unknownMilliseconds });
}

const codes = {
  rate: 'rate_exceeded',
  concurrent: 'limit_reached',
  calls: 'budget_spent',
  octets: 'budget_spent',
} as const;

/** Whether a request was refused because too much was asked. */
export function isOverLimit({ code }: Fault): boolean {
  return Object.values<string>(codes).includes(code);
}

function textOf({ rule, kind, window }: Shortage): string {
  switch (kind) {
    case 'rate':
      return `${rule.rate?.calls} calls in ${(rule.rate?.milliseconds ?? 0) / 1_000} s are allowed`;
    case 'concurrent':
      return `${rule.concurrent} calls may be open at once; wait for one to end`;
    case 'calls':
      return `the ${window ? rule.budget[window]?.calls : ''} calls of this ${window} are used up`;
    case 'octets':
      return `the ${window ? rule.budget[window]?.octets : ''} octets of this ${window} are used up`;
    default:
      return assertNever(kind);
  }
}
