import type { Clause, Expr } from '@cedar-policy/cedar-wasm/nodejs';
import { contextReads } from '../context-reads.ts';
import type { Rule } from '../rule.ts';
import type { ContextMember } from '../schema.ts';
import { compileExpression, covers, type Evaluate, truth } from './compile-expression.ts';
import { type Scope, scopeOf } from './scope.ts';

/** A rule, ready to be asked. */
export interface CompiledRule {
  readonly rule: Rule;
  readonly scope: Scope;
  /** What its conditions look at in the context. */
  readonly reads: ReadonlySet<ContextMember>;
  /** Whether its conditions hold, as a Boolean; null when only Cedar can tell. */
  readonly holds: Evaluate | null;
}

export function compileRule(rule: Rule): CompiledRule {
  const conditions = rule.json.conditions.map(conditionOf);
  const whole = conditions.reduceRight<Expr | null>(
    (rest, condition) => (rest ? { '&&': { left: condition, right: rest } } : condition),
    null,
  );
  return {
    rule,
    scope: scopeOf(rule),
    reads: contextReads([rule]),
    holds: whole === null ? () => true : covers(whole) ? truth(compileExpression(whole)) : null,
  };
}

function conditionOf({ kind, body }: Clause): Expr {
  return kind === 'when' ? body : { '!': { arg: body } };
}
