import { type DetailedError, type Expr, type Policy, validate } from '@cedar-policy/cedar-wasm/nodejs';
import { suggest } from '../../kernel/suggest.ts';
import { abstract, isArgumentPath, type Knowledge, mentions, standIn } from '../abstract-conditions.ts';
import { findPlace } from '../check-names.ts';
import { accessOf, nodeOf, walk } from '../expression.ts';
import { cedarText } from '../read-rules.ts';
import type { Rule } from '../rule.ts';
import { type ArgumentType, type Found, lookUp } from './argument-type.ts';
import type { ToolFinding } from './check-tools.ts';
import { forTool, isFalse } from './for-tool.ts';
import type { ScopedTool, ScopedTools } from './scoped-tools.ts';
import { toolSchema } from './tool-schema.ts';

/** What a rule asks of one tool's arguments, once the conditions on the tool are settled. */
interface Asked {
  readonly tool: ScopedTool;
  readonly conditions: readonly Expr[];
}

/** Finds the arguments that no tool in question has, and uses of arguments that do not fit their types. */
export function checkArguments(rule: Rule, scoped: ScopedTools): readonly ToolFinding[] {
  if (!rule.json.conditions.some(({ body }) => mentions(body, isArgumentPath))) return [];
  const asked = scoped.tools.flatMap((tool) => askedOf(rule, tool));
  const unknown = unknownArguments(rule, scoped, asked);
  if (unknown.length > 0) return unknown;
  return [...wrongTexts(rule, asked), ...misfits(rule, asked)];
}

/** Nothing when the rule can never apply to the tool. */
function askedOf(rule: Rule, tool: ScopedTool): readonly Asked[] {
  const conditions = rule.json.conditions.map(
    ({ kind, body }): Expr => forTool(kind === 'when' ? body : { '!': { arg: body } }, tool.entity),
  );
  return conditions.some(isFalse) ? [] : [{ tool, conditions }];
}

function unknownArguments(rule: Rule, scoped: ScopedTools, asked: readonly Asked[]): readonly ToolFinding[] {
  const missing = new Map<string, { tools: number; known: Set<string> }>();
  for (const { tool, conditions } of asked) {
    const here = new Map<string, readonly string[]>();
    for (const { path, found } of reads(conditions, tool)) {
      if (found.kind === 'unknown') here.set(JSON.stringify(path), found.known);
    }
    for (const [path, known] of here) {
      const entry = missing.get(path) ?? { tools: 0, known: new Set() };
      for (const name of known) entry.known.add(name);
      missing.set(path, { tools: entry.tools + 1, known: entry.known });
    }
  }
  return [...missing]
    .filter(([, { tools }]) => tools === asked.length)
    .map(([path, { known }]) => {
      const names = JSON.parse(path) as string[];
      const name = names.at(-1) ?? '';
      const near = suggest(name, known);
      const rest = known.size === 0 ? 'It has none' : `Known are: ${[...known].sort().join(', ')}`;
      const what = `${aboutWhich(asked)} ${asked.length === 1 ? '' : 'an '}argument "${names.join('.')}". ${near === null ? rest : `Did you mean "${near}"?`}`;
      // Prompts have arguments as well, and tools of servers that are not known may have others.
      const sure = scoped.onlyTools && scoped.complete;
      return {
        level: sure ? 'error' : 'warning',
        rule,
        servers: serversOf(asked),
        place: findPlace(rule, name),
        what,
      };
    });
}

function aboutWhich(asked: readonly Asked[]): string {
  const [first] = asked;
  if (first && asked.length === 1) return `the tool "${first.tool.server}/${first.tool.name}" has no`;
  return `none of the ${asked.length} tools that the policy can be about has`;
}

function serversOf(asked: readonly Asked[]): readonly string[] {
  return [...new Set(asked.map(({ tool }) => tool.server))];
}

interface Read {
  readonly path: readonly string[];
  readonly found: Found;
}

/** Every path into the arguments that the conditions read or ask for. */
function* reads(conditions: readonly Expr[], { arguments: record }: ScopedTool): Generator<Read> {
  const paths = new Map<string, readonly string[]>();
  for (const condition of conditions) {
    walk(condition, (part) => {
      const path = argumentPath(part) ?? [];
      // Up to the first name that is not known; what is below it is not known either.
      for (let length = 1; length <= path.length; length++) {
        const begun = path.slice(0, length);
        paths.set(JSON.stringify(begun), begun);
        if (lookUp(record, begun).kind === 'unknown') break;
      }
      return true;
    });
  }
  for (const path of paths.values()) yield { path, found: lookUp(record, path) };
}

/** The names behind `context.arguments`; null for anything else. */
function argumentPath(expression: Expr): readonly string[] | null {
  const access = accessOf(expression);
  if (access?.variable !== 'context' || access.attributes[0] !== 'arguments') return null;
  return access.attributes.length > 1 ? access.attributes.slice(1) : null;
}

/** Texts that an argument is compared with and can never be. */
function wrongTexts(rule: Rule, asked: readonly Asked[]): readonly ToolFinding[] {
  const wrong = new Map<string, { readonly finding: ToolFinding; tools: number }>();
  for (const { tool, conditions } of asked) {
    for (const [text, among, name] of comparisons(conditions, tool)) {
      const near = suggest(text, among);
      const what = `the argument "${name}" of "${tool.server}/${tool.name}" is never "${text}". ${
        near === null ? `It is one of: ${among.join(', ')}` : `Did you mean "${near}"?`
      }`;
      const known = wrong.get(`${name} ${text}`);
      const finding: ToolFinding = {
        level: 'error',
        rule,
        servers: serversOf(asked),
        place: findPlace(rule, text),
        what,
      };
      wrong.set(`${name} ${text}`, { finding: known?.finding ?? finding, tools: (known?.tools ?? 0) + 1 });
    }
  }
  // A policy about several tools may well name what only one of them takes.
  return [...wrong.values()].filter(({ tools }) => tools === asked.length).map(({ finding }) => finding);
}

function comparisons(
  conditions: readonly Expr[],
  { arguments: record }: ScopedTool,
): readonly (readonly [string, readonly string[], string])[] {
  const found: (readonly [string, readonly string[], string])[] = [];
  for (const condition of conditions) {
    walk(condition, (part) => {
      const { operator, body } = nodeOf(part);
      if (operator !== '==' && operator !== '!=') return true;
      const { left, right } = body as { readonly left: Expr; readonly right: Expr };
      for (const [argument, other] of [
        [left, right],
        [right, left],
      ] as const) {
        const path = argumentPath(argument);
        const at = path && lookUp(record, path);
        const text = nodeOf(other);
        if (!at || at.kind !== 'type' || text.operator !== 'Value' || typeof text.body !== 'string') continue;
        const among = at.type.kind === 'text' ? at.type.among : null;
        if (among && !among.includes(text.body)) found.push([text.body, among, path.join('.')]);
      }
      return true;
    });
  }
  return found;
}

/** What Cedar's validator finds when the arguments have the types of each tool. */
function misfits(rule: Rule, asked: readonly Asked[]): readonly ToolFinding[] {
  if (asked.length === 0) return [];
  const policies = asked.map(({ tool, conditions }, at): [string, Policy] => {
    const knowledge = knowledgeOf(tool);
    const clauses = conditions.map((body) => ({ kind: 'when', body: abstract(body, knowledge) }) as const);
    const { effect, principal } = rule.json;
    const resource = { op: 'is', entity_type: 'Tool' } as const;
    const action = { op: '==', entity: { type: 'Action', id: `call ${at}` } } as const;
    return [String(at), { effect, principal, action, resource, conditions: clauses }];
  });
  const answer = validate({
    schema: toolSchema(new Map(asked.map(({ tool }, at) => [`call ${at}`, tool.arguments])), {
      [standIn]: { type: 'Boolean' },
    }),
    policies: { staticPolicies: Object.fromEntries(policies) },
  });
  if (answer.type === 'failure') {
    throw new TypeError(`the schema of the tools is not one that Cedar takes: ${answer.errors[0]?.message}`);
  }
  return asked.flatMap(({ tool }, at) => {
    const [error] = answer.validationErrors
      .filter(({ policyId }) => policyId === String(at))
      .map((finding) => finding.error)
      .sort((a, b) => (a.message < b.message ? -1 : 1));
    return error ? [misfit(rule, tool, error)] : [];
  });
}

function misfit(rule: Rule, tool: ScopedTool, error: DetailedError): ToolFinding {
  const name = `"${tool.server}/${tool.name}"`;
  const [, path = ''] = /attribute `arguments\.([^`]+)`/.exec(error.message) ?? [];
  const last = path.split('.').at(-1) ?? '';
  const ask = `Ask "context.arguments has ${path} &&" first`;
  const place = findPlace(rule, last);
  if (error.message.endsWith('not found') && path !== '') {
    const what = `the tool ${name} has no argument "${path}", and a call of it would be refused because the policy fails. ${ask}, or name the tools that are meant`;
    return { level: 'error', rule, servers: [tool.server], place, what };
  }
  if (/optional attribute/.test(error.message) && path !== '') {
    const what = `the argument "${path}" of ${name} may be left out, and the call would be refused because the policy fails. ${ask}`;
    return { level: 'error', rule, servers: [tool.server], place, what };
  }
  return {
    level: 'error',
    rule,
    servers: [tool.server],
    place: rule,
    what: `for the tool ${name}: ${cedarText(error).replaceAll(/ for Action::"[^"]*"/g, '')}`,
  };
}

function knowledgeOf({ arguments: record }: ScopedTool): Knowledge {
  const at = (expression: Expr): Found | null => {
    const path = argumentPath(expression);
    return path && lookUp(record, path);
  };
  const isHas = (expression: Expr): boolean => nodeOf(expression).operator === 'has';
  return {
    isOpen(expression) {
      const found = at(expression);
      if (found?.kind !== 'type' || !hasOpen(found.type)) return false;
      return !(isHas(expression) && found.declared);
    },
    isDeclared(expression) {
      const found = at(expression);
      return found?.kind === 'type' && found.declared && !isHas(expression);
    },
  };
}

function hasOpen(type: ArgumentType): boolean {
  return type.kind === 'open' || (type.kind === 'set' && hasOpen(type.of));
}
