/** What a counter can be kept for; several make one counter for each combination. */
export const limitSubjects = ['agent', 'person', 'server', 'tool'] as const;
export type LimitSubject = (typeof limitSubjects)[number];

/** The windows of a budget: hours and days of UTC. */
export const budgetWindows = { hour: 3_600_000, day: 86_400_000 } as const;
export type BudgetWindow = keyof typeof budgetWindows;

/** What may be used up in one window; null where it is not bounded. */
export interface Budget {
  readonly calls: number | null;
  /** Octets of results. */
  readonly octets: number | null;
}

/** One limit that an operator declared. */
export interface LimitRule {
  /** Unique; refusals and the log name it. */
  readonly name: string;
  /** Whose calls are counted together: one counter for each combination of these; empty: one for all. */
  readonly per: readonly LimitSubject[];
  /** Which calls count; null where all do. Tools are `server/tool`. */
  readonly only: Readonly<
    Record<'agents' | 'roles' | 'persons' | 'servers' | 'tools', ReadonlySet<string> | null>
  >;
  /** So many calls in so many milliseconds, evenly; `burst` of them may come at once. */
  readonly rate: {
    readonly calls: number;
    readonly milliseconds: number;
    readonly burst: number;
  } | null;
  /** Calls that may be open at once, until the last octet of their answer. */
  readonly concurrent: number | null;
  readonly budget: Readonly<Record<BudgetWindow, Budget | null>>;
}

/** Every limit in force, frozen; another value after every change. */
export type LimitRules = readonly LimitRule[];

/** The limit that holds for every agent without any file. */
export function limitOfEachAgent(concurrent: number, callsPerSecond: number): LimitRule {
  return Object.freeze({
    name: 'gateway.eachAgent',
    per: Object.freeze(['agent'] as const),
    only: Object.freeze({ agents: null, roles: null, persons: null, servers: null, tools: null }),
    rate: Object.freeze({ calls: callsPerSecond, milliseconds: 1_000, burst: callsPerSecond * 2 }),
    concurrent,
    budget: Object.freeze({ hour: null, day: null }),
  });
}
