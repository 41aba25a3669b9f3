import {
  type Clause,
  type DetailedError,
  type Policy,
  type Schema,
  schemaToJson,
  validate,
} from '@cedar-policy/cedar-wasm/nodejs';
import { Fault } from '../kernel/fault.ts';
import { findPlace } from './check-names.ts';
import { abstract, isArgumentPath, type Knowledge, mentions, standIn } from './abstract-conditions.ts';
import { cedarText, policyFault, utf16Index } from './read-rules.ts';
import type { Rule } from './rule.ts';
import { schemaText } from './schema.ts';
import { placeOf } from './tokens.ts';

const schema = schemaText(`{ "${standIn}": Bool }`);
/** The members of arguments are whatever a tool takes. */
const nothingOfArguments: Knowledge = { isOpen: isArgumentPath, isDeclared: () => false };
const neverApplies = /impossible|unable to find an applicable/;

/** Checks rules like `checkTypes`, part after part: reading the schema costs as much as checking a hundred rules. */
export function typeChecker(): (rules: readonly Rule[]) => void {
  const answer = schemaToJson(schema);
  if (answer.type === 'failure') throw new TypeError('the schema of policies is not valid');
  return (rules) => checkTypes(rules, answer.json);
}

/**
 * Refuses rules that Cedar's validator refuses (a comparison of unlike types, an attribute that some resource does not
 * have) and those that can never apply. A schema cannot know the arguments of tools: each condition that reads them
 * counts as one that may hold or not. The ids must differ. Throws Fault `policy_invalid`.
 */
function checkTypes(rules: readonly Rule[], against: Schema): void {
  const answer = validate({
    schema: against,
    policies: { staticPolicies: Object.fromEntries(rules.map((rule) => [rule.id, checkedForm(rule)])) },
  });
  if (answer.type === 'failure') {
    throw new Fault('policy_invalid', answer.errors[0]?.message ?? 'The policies cannot be checked.');
  }
  const findings = [
    ...answer.validationErrors,
    ...answer.validationWarnings.filter(({ error }) => neverApplies.test(error.message)),
  ];
  for (const rule of rules) {
    // Cedar reports in no fixed order; the same policy must be refused with the same words each time.
    const [finding] = findings
      .filter(({ policyId }) => policyId === rule.id)
      .sort((a, b) => (a.error.message < b.error.message ? -1 : 1));
    if (finding) throw typeFault(rule, finding.error);
  }
}

function typeFault(rule: Rule, error: DetailedError): Fault {
  const octet = readsArguments(rule) ? undefined : error.sourceLocations?.[0]?.start;
  const place = octet === undefined ? guessPlace(rule, error.message) : placeIn(rule, octet);
  return policyFault(rule.file, place, explained(error.message) ?? cedarText(error));
}

function readsArguments(rule: Rule): boolean {
  return rule.json.conditions.some(({ body }) => mentions(body, isArgumentPath));
}

function checkedForm(rule: Rule): Policy {
  if (!readsArguments(rule)) return rule.text;
  const conditions = rule.json.conditions.map(
    ({ kind, body }): Clause => ({ kind, body: abstract(body, nothingOfArguments) }),
  );
  return { ...rule.json, conditions };
}

function explained(message: string): string | null {
  if (/attribute `arguments` in context/.test(message)) {
    return 'only tools/call, prompts/get and "other" have context.arguments: name the action in the scope, or ask "context has arguments &&" first';
  }
  if (neverApplies.test(message)) {
    return 'the policy can never apply: no request has this principal, action, resource and condition together';
  }
  return null;
}

/** The validator gives no place for a policy in JSON form: the last name that it quotes is looked up in the text. */
function guessPlace(rule: Rule, message: string): { readonly line: number; readonly column: number } {
  const quoted = [...message.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? '');
  for (const name of quoted) {
    const place = findPlace(rule, name);
    if (place !== rule) return place;
  }
  return rule;
}

function placeIn(rule: Rule, octet: number): { readonly line: number; readonly column: number } {
  const { line, column } = placeOf(rule.text, utf16Index(rule.text, octet));
  return { line: rule.line + line - 1, column: line === 1 ? rule.column + column - 1 : column };
}
