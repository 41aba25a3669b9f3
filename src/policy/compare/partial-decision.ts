import { argumentValues } from '../evaluate/argument-values.ts';
import { callerFrame, targetOf } from '../evaluate/frame.ts';
import { open, type Outcome } from '../evaluate/value.ts';
import { coversAction } from '../covers-action.ts';
import { accessOf } from '../expression.ts';
import type { PolicySet } from '../policy-set.ts';
import type { Question } from '../question.ts';
import { actionOf, actions, type ContextMember, optionalMembers } from '../schema.ts';
import { Atoms, outcomesOf } from './formula.ts';
import { type OutcomeRange, outcomeRange } from './outcome-range.ts';
import { ruleFormula } from './rule-formula.ts';

/** A question of which some members of the context are not known, such as the arguments of a call that is only on record. */
export interface PartlyKnown {
  readonly question: Question;
  readonly unknown: ReadonlySet<ContextMember>;
}

/** What the policies can come to, whatever the unknown members are. Throws Fault `invalid_input` for names that no policy can speak of. */
export function decisionRange(set: PolicySet, { question, unknown }: PartlyKnown): OutcomeRange {
  const action = actionOf(question.action);
  const caller = callerFrame(question);
  const context = new Map<string, Outcome>(caller.context);
  context.set('time', Math.trunc(question.context.time));
  if (actions[action]?.arguments === true)
    context.set('arguments', argumentValues(question.context.arguments ?? {}));
  for (const member of unknown) {
    if (context.has(member) || optionalMembers.has(member)) context.set(member, open);
  }
  const sight = {
    frame: { ...caller, context, resource: targetOf(question) },
    hides: (expression: Parameters<typeof accessOf>[0]): boolean => {
      const access = accessOf(expression);
      const [first = ''] = access?.attributes ?? [];
      if (access?.variable === 'principal') return first === 'profile' && unknown.has('profile');
      // Whether it is there is not known either.
      return (
        access?.variable === 'context' &&
        optionalMembers.has(first) &&
        [...unknown].some((one) => one === first)
      );
    },
  };
  const atoms = new Atoms();
  const placed = set.policies.flatMap((rule) => {
    const formula = coversAction(rule, action) ? ruleFormula(rule, sight, atoms) : null;
    return formula ? [{ rule, formula }] : [];
  });
  const start = atoms.list.map((atom) => atom.can);
  return outcomeRange(placed.map(({ rule, formula }) => ({ rule, can: outcomesOf(formula, start) })));
}
