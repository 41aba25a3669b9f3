import { coversAction } from '../covers-action.ts';
import type { PolicySet } from '../policy-set.ts';
import type { Question } from '../question.ts';
import type { Rule } from '../rule.ts';
import { type Cell, cellsOf } from './cells.ts';
import { Atoms } from './formula.ts';
import { rank } from './outcome-range.ts';
import { ruleFormula } from './rule-formula.ts';
import { type PlacedRule, searchWidening, type Sides } from './search.ts';
import { witnessOf } from './witness.ts';

/** Something that one set of policies allows and another does not, or does not as freely. */
export interface Widening {
  /** The policy that permits it, in the set after. */
  readonly permit: Rule;
  /** The policies of the set before that are not in the set after and can be about it. */
  readonly gone: readonly Rule[];
  readonly cell: Pick<Cell, 'actions' | 'resource'>;
  /**
   * `shown`: `question` is decided differently. `possible`: by its conditions it can be, and no question was found that shows it.
   * `undecided`: there was too much to look through.
   */
  readonly certainty: 'shown' | 'possible' | 'undecided';
  readonly question: Question | null;
  readonly before: 'deny' | 'ask' | 'permit';
  readonly after: 'deny' | 'ask' | 'permit';
}

/**
 * Everything that `after` allows more than `before`, cell by cell. When nothing comes, there is nothing: conditions that are not
 * understood are taken to come to anything. `tools`: the tools that are known, by server; those that policies name are known anyway.
 */
export function* widenings(
  before: PolicySet,
  after: PolicySet,
  tools: ReadonlyMap<string, Iterable<string>> = new Map(),
): Generator<Widening | null, void> {
  const [own, others] = [textsOf(before), textsOf(after)];
  const changed = [...before.policies, ...after.policies].filter(
    ({ text }) => !own.has(text) || !others.has(text),
  );
  if (changed.length === 0) return;
  for (const cell of cellsOf([...before.policies, ...after.policies], tools)) {
    if (placed(changed, cell, new Atoms()).length === 0) continue;
    const atoms = new Atoms();
    const place = (rules: readonly Rule[], other: ReadonlySet<string>): readonly PlacedRule[] =>
      placed(rules, cell, atoms).map((rule) => ({ ...rule, shared: other.has(rule.rule.text) }));
    const sides: Sides = { before: place(before.policies, others), after: place(after.policies, own) };
    yield* inCell({ before, after, sides, cell, atoms });
    // Whoever has other things to do may do them here.
    yield null;
  }
}

function textsOf({ policies }: PolicySet): ReadonlySet<string> {
  return new Set(policies.map(({ text }) => text));
}

function placed(
  rules: readonly Rule[],
  { actions, sight }: Cell,
  atoms: Atoms,
): readonly Omit<PlacedRule, 'shared'>[] {
  return rules.flatMap((rule) => {
    if (!coversAction(rule, actions[0] ?? 'other')) return [];
    const formula = ruleFormula(rule, sight, atoms);
    return formula ? [{ rule, formula }] : [];
  });
}

interface Place {
  readonly before: PolicySet;
  readonly after: PolicySet;
  readonly sides: Sides;
  readonly cell: Cell;
  readonly atoms: Atoms;
}

function* inCell({ before, after, sides, cell, atoms }: Place): Generator<Widening, void> {
  const gone = sides.before.filter(({ shared }) => !shared).map(({ rule }) => rule);
  for (const permit of sides.after) {
    if (permit.rule.effect !== 'permit') continue;
    // What a policy of both sets permits was permitted before, unless something that is gone was in the way.
    if (permit.shared && gone.length === 0) continue;
    const found = searchWidening(sides, permit, atoms);
    if (found.kind === 'nowhere') continue;
    const base = { permit: permit.rule, gone, cell: { actions: cell.actions, resource: cell.resource } };
    if (found.kind === 'given up') {
      yield { ...base, certainty: 'undecided', question: null, before: 'deny', after: 'permit' };
      continue;
    }
    const question = witnessOf(cell, atoms, found.values);
    const [was, is] = [before.decide(question).outcome, after.decide(question).outcome];
    if (rank[is] > rank[was]) yield { ...base, certainty: 'shown', question, before: was, after: is };
    else {
      const [from, to] = [nameOf(found.before.most), nameOf(found.after.least)];
      yield { ...base, certainty: 'possible', question: null, before: from, after: to };
    }
  }
}

function nameOf(outcome: number): Widening['before'] {
  return outcome === rank.permit ? 'permit' : outcome === rank.ask ? 'ask' : 'deny';
}
