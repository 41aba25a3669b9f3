import { cedarRules } from './ask-cedar.ts';
import { cedarRequest } from './cedar-request.ts';
import { contextReads } from './context-reads.ts';
import { coversAction } from './covers-action.ts';
import type { PolicySet } from './policy-set.ts';
import { unreadableDetail } from './refusal-text.ts';
import type { Rule } from './rule.ts';
import { actionOf } from './schema.ts';
import { decisionOf, denial } from './verdicts.ts';

/** The same rules with Cedar alone deciding: nothing is sliced, compiled or remembered. */
export function cedarReference(rules: readonly Rule[], version: string): PolicySet {
  const book = { rules: new Map(rules.map((rule) => [rule.id, rule])), version };
  const actions = new Map<string, ReturnType<typeof prepare>>();
  const prepare = (action: string) => {
    const covering = rules.filter((rule) => coversAction(rule, action));
    return { cedar: cedarRules(covering), reads: contextReads(covering) };
  };
  const prepared = (method: string): ReturnType<typeof prepare> => {
    const action = actionOf(method);
    const known = actions.get(action) ?? prepare(action);
    actions.set(action, known);
    return known;
  };
  return {
    version,
    policies: rules,
    decide(question) {
      const { cedar, reads } = prepared(question.action);
      try {
        return decisionOf(cedar.verdicts(cedarRequest(question, reads)), question, book);
      } catch (error) {
        return denial('policy_error', [], unreadableDetail(error), version);
      }
    },
    couldPermit(question) {
      const { cedar, reads } = prepared(question.action);
      try {
        const { permits, forbids, errors } = cedar.possibilities(cedarRequest(question, reads, true));
        return errors.length === 0 && forbids.length === 0 && permits.length > 0;
      } catch {
        return false;
      }
    },
  };
}
