import type { EntityUidJson, Expr, TypeAndId } from '@cedar-policy/cedar-wasm/nodejs';
import { suggest } from '../kernel/suggest.ts';
import { accessOf, nodeOf, walk } from './expression.ts';
import { policyFault } from './read-rules.ts';
import type { Rule } from './rule.ts';
import { actionGroups, actions, contextMembers, entityTypes } from './schema.ts';
import { placeOf, readTokens, type Token } from './tokens.ts';

const typeNames = [...Object.keys(entityTypes), 'Null', 'Action'];
const actionNames = [...Object.keys(actions), ...actionGroups];
const attributeNames: Readonly<Record<string, readonly string[]>> = {
  principal: entityTypes['Agent']?.attributes ?? [],
  resource: [
    ...new Set(
      ['Server', 'Tool', 'Prompt', 'Resource'].flatMap((type) => entityTypes[type]?.attributes ?? []),
    ),
  ],
  context: Object.keys(contextMembers),
  action: [],
};

/**
 * Refuses a rule that names an action, an entity type or an attribute that does not exist: Cedar would evaluate it, and
 * it would never match. Throws Fault `policy_invalid` with the nearest known name.
 */
export function checkNames(rule: Rule): void {
  const { principal, action, resource } = rule.json;
  for (const scope of [principal, action, resource]) {
    if ('entity' in scope) checkEntity(rule, scope.entity);
    if ('entities' in scope) for (const entity of scope.entities) checkEntity(rule, entity);
    if (!('entity_type' in scope)) continue;
    checkType(rule, scope.entity_type);
    if (scope.in && 'entity' in scope.in) checkEntity(rule, scope.in.entity);
  }
  for (const { body } of rule.json.conditions) {
    walk(body, (expression) => {
      checkExpression(rule, expression);
      return true;
    });
  }
}

function checkExpression(rule: Rule, expression: Expr): void {
  const { operator, body } = nodeOf(expression);
  if (operator === 'Value') checkValue(rule, body);
  if (operator === 'is') checkType(rule, (body as { readonly entity_type: string }).entity_type);
  const access = accessOf(expression);
  const [attribute] = access?.attributes ?? [];
  if (!access || attribute === undefined) return;
  const known = attributeNames[access.variable] ?? [];
  if (known.includes(attribute)) return;
  throw unknown(rule, `${access.variable} has no attribute "${attribute}"`, attribute, known);
}

function checkValue(rule: Rule, value: unknown): void {
  // Beyond this, the policy's JSON form holds another number than its text, and arguments are text as well.
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    throw policyFault(rule.file, rule, 'whole numbers in policies reach from −(2^53−1) to 2^53−1');
  }
  if (typeof value !== 'object' || value === null) return;
  if ('__entity' in value) return checkEntity(rule, value as EntityUidJson);
  for (const member of Object.values(value)) checkValue(rule, member);
}

function checkEntity(rule: Rule, uid: EntityUidJson): void {
  const entity: TypeAndId = '__entity' in uid ? uid.__entity : uid;
  checkType(rule, entity.type);
  if (entity.type === 'Action' && !actionNames.includes(entity.id)) {
    throw unknown(rule, `there is no action "${entity.id}"`, entity.id, actionNames);
  }
  // A server's name holds no slash, so the first slash ends it, whatever the tool is called.
  if (['Tool', 'Prompt', 'Resource'].includes(entity.type) && !/^[^/]+\/./.test(entity.id)) {
    const what = `${entity.type}::"${entity.id}" can never be asked about: write it as ${entity.type}::"server/${
      entity.id.replace(/^\/+/, '') || 'name'
    }"`;
    throw policyFault(rule.file, findPlace(rule, entity.id), what);
  }
}

function checkType(rule: Rule, type: string): void {
  if (typeNames.includes(type)) return;
  throw unknown(rule, `there is no entity type "${type}"`, type, typeNames);
}

function unknown(rule: Rule, what: string, name: string, known: readonly string[]): Error {
  const near = suggest(name, known);
  const hint = near === null ? `Known are: ${known.join(', ')}` : `Did you mean "${near}"?`;
  return policyFault(rule.file, findPlace(rule, name), `${what}. ${hint}`);
}

/** Where a name stands in the file; the start of the rule when it is spelt in a way that we do not find. */
export function findPlace(rule: Rule, name: string): { readonly line: number; readonly column: number } {
  const [first] = name.split('::');
  const found = readTokens(rule.text).find(
    (token: Token) => token.kind !== 'sign' && (token.value === name || token.value === first),
  );
  if (!found) return rule;
  const { line, column } = placeOf(rule.text, found.start);
  return { line: rule.line + line - 1, column: line === 1 ? rule.column + column - 1 : column };
}
