import { suggest } from '../kernel/suggest.ts';
import { coversAction } from './covers-action.ts';
import { policyFault } from './read-rules.ts';
import type { Rule } from './rule.ts';
import { actions } from './schema.ts';

/** The requests that a person can approve: those that do something, one at a time. */
const approvable: ReadonlySet<string> = new Set(['tools/call', 'prompts/get', 'resources/read']);

const known = ['id', 'ask', 'approver', 'undeclared'] as const;

/**
 * Refuses annotations that do not mean what was written: a permit that asks, an approver of nothing, a name that is a slip.
 * Throws Fault `policy_invalid`.
 */
export function checkAnnotations(rule: Rule): void {
  const { annotations = {} } = rule.json;
  for (const name of Object.keys(annotations)) {
    const near = known.some((each) => each === name) ? null : suggest(name, known);
    // Cedar ignores what it does not know; an "@aprover" would let anybody approve.
    if (near !== null && name.length > 2) {
      throw refused(rule, `there is no annotation "@${name}". Did you mean "@${near}"?`);
    }
  }
  const approver = annotations['approver'];
  if (approver !== undefined && annotations['ask'] === undefined) {
    throw refused(rule, '@approver says who may approve what @ask asks for, and there is no @ask');
  }
  if (approver !== undefined && approver !== 'another' && approver !== 'anyone') {
    throw refused(rule, '@approver is "another" (nobody who is the person of the agent) or "anyone"');
  }
  if (annotations['ask'] !== undefined) checkAsk(rule);
}

function checkAsk(rule: Rule): void {
  if (rule.ask === null) {
    throw refused(
      rule,
      '@ask stands before a forbid, which an approval lifts for one call; this is a permit',
    );
  }
  if (!/^[^\p{Cc}\p{Cf}]{1,300}$/u.test(rule.ask.why.trim())) {
    throw refused(rule, '@ask("…") must say in 1 to 300 visible characters why somebody has to look');
  }
  const other = Object.keys(actions).find((action) => !approvable.has(action) && coversAction(rule, action));
  if (other === undefined) return;
  const names = [...approvable].map((name) => `"${name}"`).join(', ');
  throw refused(
    rule,
    `nobody can approve "${other}": a policy with @ask names its action in the scope, of ${names}`,
  );
}

function refused(rule: Rule, what: string): ReturnType<typeof policyFault> {
  return policyFault(rule.file, rule, what);
}
