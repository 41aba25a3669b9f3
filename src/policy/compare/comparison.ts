import { setImmediate as nextTurn } from 'node:timers/promises';
import type { PolicySet } from '../policy-set.ts';
import { type Widening, widenings } from './widenings.ts';

/** How two sets of policies differ in what they allow. */
export interface Comparison {
  /** What the set after allows more; nothing when it allows nothing more. */
  readonly more: readonly Widening[];
  /** What it allows less. */
  readonly less: readonly Widening[];
  /** Whether there was more than is listed. */
  readonly cut: boolean;
}

// Nobody reads more; a set that was empty differs from a large one in every cell.
const longest = 500;

/** Compares both ways, with turns for everybody else. */
export async function comparePolicies(
  before: PolicySet,
  after: PolicySet,
  tools: ReadonlyMap<string, Iterable<string>> = new Map(),
): Promise<Comparison> {
  const more = await gathered(widenings(before, after, tools));
  const less = await gathered(widenings(after, before, tools));
  return { more, less, cut: more.length >= longest || less.length >= longest };
}

async function gathered(found: Iterable<Widening | null>): Promise<readonly Widening[]> {
  const list: Widening[] = [];
  for (const widening of found) {
    if (widening === null) await nextTurn();
    else list.push(widening);
    if (list.length >= longest) break;
  }
  return list;
}
