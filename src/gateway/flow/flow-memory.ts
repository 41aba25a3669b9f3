import type { Labels } from './flow-rules.ts';

/** Whose use it is. */
export interface FlowParty {
  /**
   * The agents at work: the one at the head of those that enrolled each other, and those of whoever acts for the person in its
   * token. What one of them has used, all of them may know.
   */
  readonly families: readonly string[];
  /** The person; null where no token says one: such a use counts for all people of the agents. */
  readonly person: string | null;
}

/** A use that left labels behind. */
export interface Use {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly agent: string;
  readonly server: string;
  readonly method: string;
  /** The tool, prompt or URI; null for the server itself. */
  readonly target: string | null;
  /** The exchange, as the log names it. */
  readonly exchange: string;
}

/** What is remembered of a party now. */
export interface Recalled {
  readonly labels: Labels;
  /** The last use that left a label. */
  use(label: string): Use | null;
}

/** One label of one party, for people who look. */
export interface RememberedLabel extends Use {
  readonly family: string;
  readonly person: string | null;
  readonly label: string;
  /** The use that left it first in this task, epoch milliseconds. */
  readonly since: number;
}

/** An order to forget what an agent, for a person or for all of them, has used until then. */
export interface Forgetting {
  readonly family: string;
  /** null: of all its people. */
  readonly person: string | null;
  /** Epoch milliseconds. */
  readonly until: number;
}

/** How long uses are remembered. */
export interface Memorable {
  readonly quiet: number;
  readonly longest: number;
}

/**
 * Port: what agents have used. A store that can tell at once answers without a promise. It throws, or rejects, when it
 * cannot; whoever asks then refuses.
 */
export interface FlowMemory {
  /** What the party has used. `working`: whether the task goes on with this, so that it is not forgotten meanwhile. */
  recall(party: FlowParty, how: Memorable & { readonly working: boolean }): Recalled | Promise<Recalled>;
  /**
   * Remembers a use, at once for every later `recall`, and for good once the promise resolves. Nothing may be forwarded
   * before. Throws Fault `unavailable` when there is no room: what cannot be remembered may not happen.
   */
  remember(party: FlowParty, labels: Labels, use: Use): void | Promise<void>;
  /** Forgets what was used until then. */
  forget(order: Forgetting): void | Promise<void>;
  /** Everything that is remembered, at most so much. */
  list(how: Memorable): readonly RememberedLabel[] | Promise<readonly RememberedLabel[]>;
}
