import { accessOf, nodeOf, walk } from './expression.ts';
import type { Rule } from './rule.ts';
import { type ContextMember, contextMembers } from './schema.ts';

const members = Object.keys(contextMembers) as readonly ContextMember[];

/** The members of the context that some of the rules look at: what their answer can depend on. */
export function contextReads(rules: readonly Rule[]): ReadonlySet<ContextMember> {
  const reads = new Set<ContextMember>();
  for (const { json } of rules) {
    for (const { body } of json.conditions) {
      walk(body, (expression) => {
        const access = accessOf(expression);
        if (access?.variable !== 'context') return true;
        const [first] = access.attributes;
        const member = members.find((name) => name === first);
        if (member) reads.add(member);
        // The context as a whole, as in `context == …`: everything in it.
        else if (nodeOf(expression).operator === 'Var') for (const name of members) reads.add(name);
        return false;
      });
    }
  }
  return reads;
}
