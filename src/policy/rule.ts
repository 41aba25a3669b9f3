import type { PolicyJson } from '@cedar-policy/cedar-wasm/nodejs';

/** One policy of a file, as written and as parsed. */
export interface Rule {
  /** Its `@id`, or the file's name with the policy's number in it. */
  readonly id: string;
  readonly effect: 'permit' | 'forbid';
  readonly text: string;
  readonly file: string;
  /** Where it starts in the file, from 1. */
  readonly line: number;
  readonly column: number;
  readonly json: PolicyJson;
}
