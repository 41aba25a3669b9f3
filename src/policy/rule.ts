import type { PolicyJson } from '@cedar-policy/cedar-wasm/nodejs';

/** A forbid that gives way once a person has approved the very request: `@ask("why")`. */
export interface Ask {
  /** Why somebody has to look at it, in the words of the policy. */
  readonly why: string;
  /** Who may approve: any approver, or none that is the agent's own person (`@approver("another")`). */
  readonly approver: 'anyone' | 'another';
}

/** One policy of a file, as written and as parsed. */
export interface Rule {
  /** Its `@id`, or the file's name with the policy's number in it. */
  readonly id: string;
  readonly effect: 'permit' | 'forbid';
  /** Whom a forbid asks; null where it forbids whatever anybody says. */
  readonly ask: Ask | null;
  readonly text: string;
  readonly file: string;
  /** Where it starts in the file, from 1. */
  readonly line: number;
  readonly column: number;
  readonly json: PolicyJson;
}
