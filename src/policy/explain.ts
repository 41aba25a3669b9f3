import {
  type Clause,
  type Expr,
  isAuthorized,
  type PolicyJson,
  policyToText,
} from '@cedar-policy/cedar-wasm/nodejs';
import { type CedarRequest, cedarRequest } from './cedar-request.ts';
import type { PolicySet } from './policy-set.ts';
import { contextReads } from './context-reads.ts';
import { coversAction } from './covers-action.ts';
import { nodeOf } from './expression.ts';
import type { Decision, Question } from './question.ts';
import type { Rule } from './rule.ts';
import { actionOf } from './schema.ts';

/** What one policy says to one question. */
export interface Finding {
  readonly rule: Rule;
  readonly result: 'applies' | 'does not apply' | 'fails';
  /** The parts of its scope that do not fit. */
  readonly mismatch: readonly ('principal' | 'action' | 'resource')[];
  /** The first condition of each `when` that does not hold, and each `unless` that does, as Cedar text. */
  readonly unmet: readonly string[];
  /** Whether it is a permit that one change would make apply. */
  readonly nearMiss: boolean;
}

export interface Explanation {
  readonly decision: Decision;
  readonly findings: readonly Finding[];
}

/** Decides a question and says what each policy had to do with it. Throws Fault `invalid_input` like `cedarRequest`. */
export function explain(set: PolicySet, question: Question): Explanation {
  const request = cedarRequest(question, contextReads(set.policies));
  return {
    decision: set.decide(question),
    findings: set.policies.map((rule) => findingOf(rule, question, request)),
  };
}

function findingOf(rule: Rule, question: Question, request: CedarRequest): Finding {
  const covered = coversAction(rule, actionOf(question.action));
  const result = covered ? resultOf(rule.json, request) : 'does not apply';
  if (result === 'applies') return { rule, result, mismatch: [], unmet: [], nearMiss: false };
  const { principal, resource } = rule.json;
  const mismatch: Finding['mismatch'][number][] = [];
  if (resultOf({ ...anyRequest, principal }, request) !== 'applies') mismatch.push('principal');
  if (!covered) mismatch.push('action');
  if (resultOf({ ...anyRequest, resource }, request) !== 'applies') mismatch.push('resource');
  const unmet = rule.json.conditions.flatMap((clause) => unmetIn(clause, request));
  const nearMiss = rule.effect === 'permit' && mismatch.length + unmet.length === 1;
  return { rule, result, mismatch, unmet, nearMiss };
}

const anyRequest: PolicyJson = {
  effect: 'permit',
  principal: { op: 'All' },
  action: { op: 'All' },
  resource: { op: 'All' },
  conditions: [],
};

function resultOf(json: PolicyJson, request: CedarRequest): Finding['result'] {
  const answer = isAuthorized({
    ...request,
    policies: { staticPolicies: { rule: { ...json, effect: 'permit' } } },
  });
  if (answer.type === 'failure' || answer.response.diagnostics.errors.length > 0) return 'fails';
  return answer.response.decision === 'allow' ? 'applies' : 'does not apply';
}

function unmetIn(clause: Clause, request: CedarRequest): readonly string[] {
  if (resultOf({ ...anyRequest, conditions: [clause] }, request) === 'applies') return [];
  if (clause.kind === 'unless') return [textOf(clause)];
  // The first one: what comes after it may rely on it, as on `has`.
  const failing = conjuncts(clause.body).find(
    (body) => resultOf({ ...anyRequest, conditions: [{ kind: 'when', body }] }, request) !== 'applies',
  );
  return [textOf({ kind: 'when', body: failing ?? clause.body })];
}

function conjuncts(expression: Expr): readonly Expr[] {
  const { operator, body } = nodeOf(expression);
  if (operator !== '&&') return [expression];
  const { left, right } = body as { readonly left: Expr; readonly right: Expr };
  return [...conjuncts(left), ...conjuncts(right)];
}

function textOf(clause: Clause): string {
  const answer = policyToText({ ...anyRequest, conditions: [clause] });
  if (answer.type === 'failure') return clause.kind;
  return answer.text
    .replace(/^[\s\S]*?\)\s*(?=when|unless)/, '')
    .replace(/;\s*$/, '')
    .replaceAll(/\s+/g, ' ');
}
