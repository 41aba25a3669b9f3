import type { Expr } from '@cedar-policy/cedar-wasm/nodejs';
import { accessOf, childrenOf, nodeOf, walk } from './expression.ts';
import type { Rule } from './rule.ts';

/** The members of the context that hold labels. */
export type LabelMember = 'labels' | 'touched';

/** Which labels a policy looks for in a member of the context. */
export interface LabelReads {
  readonly words: ReadonlySet<string>;
  /** Whether it looks at the member otherwise too, so that any label may matter. */
  readonly any: boolean;
}

const lookups: ReadonlySet<string> = new Set(['contains', 'containsAll', 'containsAny']);

/** The labels that a policy names where it looks at one of the members. */
export function labelReads({ json }: Pick<Rule, 'json'>, member: LabelMember): LabelReads {
  const words = new Set<string>();
  let any = false;
  for (const { body } of json.conditions) {
    walk(body, (expression) => {
      const { operator, body: parts } = nodeOf(expression);
      if (lookups.has(operator)) {
        const { left, right } = parts as { readonly left: Expr; readonly right: Expr };
        const named = isMember(left, member) ? wordsOf(right) : null;
        if (named) {
          for (const word of named) words.add(word);
          return false;
        }
      }
      any ||= isMember(expression, member) || isWholeContext(expression);
      return accessOf(expression) === null;
    });
  }
  return { words, any };
}

function isMember(expression: Expr, member: LabelMember): boolean {
  const access = accessOf(expression);
  return access?.variable === 'context' && access.attributes[0] === member;
}

function isWholeContext(expression: Expr): boolean {
  const { operator, body } = nodeOf(expression);
  return operator === 'Var' && body === 'context';
}

/** The texts that an expression is made of; null when it is anything else. */
function wordsOf(expression: Expr): readonly string[] | null {
  const { operator, body } = nodeOf(expression);
  if (operator === 'Value') {
    if (typeof body === 'string') return [body];
    return Array.isArray(body) && body.every((each) => typeof each === 'string') ? body : null;
  }
  if (operator !== 'Set') return null;
  const parts = childrenOf(expression).map(wordsOf);
  return parts.includes(null) ? null : parts.flatMap((part) => part ?? []);
}
