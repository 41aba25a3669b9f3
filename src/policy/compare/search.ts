import type { Rule } from '../rule.ts';
import { verdictOf } from '../verdicts.ts';
import { contradict, type Known, knownOf } from './facts.ts';
import { type Atoms, atomsOf, can, type Formula, outcomesOf } from './formula.ts';
import { type OutcomeRange, outcomeRange } from './outcome-range.ts';

/** A rule in one cell: when it applies there. */
export interface PlacedRule {
  readonly rule: Rule;
  readonly formula: Formula;
  /** Whether the other set has the very same rule. */
  readonly shared: boolean;
}

export interface Sides {
  readonly before: readonly PlacedRule[];
  readonly after: readonly PlacedRule[];
}

/** What each atom comes to where the set after allows more than the one before; null when nowhere; or given up. */
export type Found =
  | {
      readonly kind: 'found';
      readonly values: readonly number[];
      readonly before: OutcomeRange;
      readonly after: OutcomeRange;
    }
  | { readonly kind: 'nowhere' }
  | { readonly kind: 'given up' };

// Rules looked at in one search: a tenth of a second.
const effort = 200_000;

/**
 * Looks for a question to which `permit` applies and for which `after` allows more than `before`. "Nowhere" is a proof; what is
 * found is as far as the atoms go, which may depend on each other in ways that are not seen.
 */
export function searchWidening(sides: Sides, permit: PlacedRule, atoms: Atoms): Found {
  const known = atoms.list.map(knownOf);
  const start = atoms.list.map((atom) => atom.can);
  const order = [permit, ...sides.before.filter(({ shared }) => !shared), ...sides.after, ...sides.before];
  let left = effort;

  const visit = (values: readonly number[]): Found => {
    left -= sides.before.length + sides.after.length;
    if (left < 0) return { kind: 'given up' };
    if ((outcomesOf(permit.formula, values) & can.hold) === 0) return { kind: 'nowhere' };
    const after = outcomeRange(verdicts(sides.after, values, false));
    const before = outcomeRange(verdicts(sides.before, values, true));
    if (after.most <= before.least) return { kind: 'nowhere' };
    const holds = outcomesOf(permit.formula, values) === can.hold;
    if (holds && after.least > before.most) return { kind: 'found', values, before, after };
    const at = undecided(order, values);
    if (at === null) return { kind: 'nowhere' };
    for (const value of [can.miss, can.hold, can.fail]) {
      if ((start[at] ?? 0) & value && fitsWith(known, values, at, value)) {
        const found = visit(values.with(at, value));
        if (found.kind !== 'nowhere') return found;
      }
    }
    return { kind: 'nowhere' };
  };
  return visit(start);
}

/**
 * What the rules can come to. Where a rule of both sets fails or forbids, the set after allows nothing, so before is only looked at where
 * it does not.
 */
function* verdicts(
  rules: readonly PlacedRule[],
  values: readonly number[],
  spared: boolean,
): Generator<{ readonly rule: Rule; readonly can: number }> {
  for (const { rule, formula, shared } of rules) {
    const outcomes = outcomesOf(formula, values);
    if (!spared || !shared) {
      yield { rule, can: outcomes };
      continue;
    }
    const without = outcomes & ~can.fail;
    yield { rule, can: verdictOf(rule) === 'forbids' ? without & ~can.hold : without };
  }
}

/** The first atom of the first rule of which it is not known what it comes to. */
function undecided(rules: readonly PlacedRule[], values: readonly number[]): number | null {
  for (const { formula } of rules) {
    if (isSingle(outcomesOf(formula, values))) continue;
    for (const at of atomsOf(formula)) if (!isSingle(values[at] ?? 0)) return at;
  }
  return null;
}

function isSingle(outcomes: number): boolean {
  return (outcomes & (outcomes - 1)) === 0;
}

function fitsWith(known: readonly Known[], values: readonly number[], at: number, value: number): boolean {
  const own = known[at];
  if (!own) return true;
  return values.every((other, place) => {
    const fact = known[place];
    return place === at || !fact || !isSingle(other) || !contradict(own, value, fact, other);
  });
}
