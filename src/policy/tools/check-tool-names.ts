import type { EntityUidJson, Expr, PatternElem } from '@cedar-policy/cedar-wasm/nodejs';
import { suggest } from '../../kernel/suggest.ts';
import { findPlace } from '../check-names.ts';
import { likePattern } from '../evaluate/like-pattern.ts';
import { accessOf, nodeOf, walk } from '../expression.ts';
import type { Rule } from '../rule.ts';
import type { ToolFinding } from './check-tools.ts';
import type { KnownTools } from './known-tools.ts';
import type { ScopedTools } from './scoped-tools.ts';

/** Finds the tools, servers and names of tools in a rule that do not exist. */
export function checkToolNames(rule: Rule, scoped: ScopedTools, known: KnownTools): readonly ToolFinding[] {
  const findings: ToolFinding[] = [];
  const every = [...new Set(scoped.tools.map(({ server }) => server))];
  const add: Add = (level, name, what, servers = every) => {
    findings.push({ level, rule, servers, place: findPlace(rule, name), what });
  };
  const entity = (uid: EntityUidJson): void => checkEntity(uid, known, add);
  const { principal, resource } = rule.json;
  for (const scope of [principal, resource]) {
    if ('entity' in scope) entity(scope.entity);
    if ('in' in scope && scope.in && 'entity' in scope.in) entity(scope.in.entity);
  }
  for (const { body } of rule.json.conditions) {
    walk(body, (expression) => {
      for (const uid of entitiesIn(expression)) entity(uid);
      checkNameTest(expression, scoped, add);
      return true;
    });
  }
  return findings;
}

type Add = (level: ToolFinding['level'], name: string, what: string, servers?: readonly string[]) => void;

function checkEntity(uid: EntityUidJson, known: KnownTools, add: Add): void {
  const { type, id } = '__entity' in uid ? uid.__entity : uid;
  if (type !== 'Server' && type !== 'Tool') return;
  const [server = '', ...rest] = id.split('/');
  const tools = known.servers.get(server);
  if (!tools) {
    const hint = hintOf(server, known.servers.keys());
    add('warning', id, `the server "${server}" is not known${hint || ' yet'}`);
    return;
  }
  const name = rest.join('/');
  if (type === 'Server' || tools.has(name)) return;
  add('error', id, `the server "${server}" has no tool "${name}"${hintOf(name, tools.keys())}`, [server]);
}

/** Conditions on `resource.name`: equal to a text, one of several, or like a pattern. */
function checkNameTest(expression: Expr, scoped: ScopedTools, add: Add): void {
  if (!scoped.onlyTools || scoped.tools.length === 0) return;
  const names = new Set(scoped.tools.map(({ name }) => name));
  const test = nameTest(expression);
  if (!test) return;
  if (test.pattern) {
    const matches = likePattern(test.pattern);
    if ([...names].some(matches)) return;
    add('warning', 'name', 'no tool that is known has a name like that, so the condition never holds');
    return;
  }
  for (const name of test.names) {
    if (names.has(name)) continue;
    const level = scoped.complete ? 'error' : 'warning';
    add(level, name, `no tool that the policy is about is called "${name}"${hintOf(name, names)}`);
  }
}

interface NameTest {
  readonly names: readonly string[];
  readonly pattern: readonly PatternElem[] | null;
}

function nameTest(expression: Expr): NameTest | null {
  const { operator, body } = nodeOf(expression);
  if (operator === 'like') {
    const { left, pattern } = body as { readonly left: Expr; readonly pattern: readonly PatternElem[] };
    return isName(left) ? { names: [], pattern } : null;
  }
  if (!['==', '!=', 'contains'].includes(operator)) return null;
  const { left, right } = body as { readonly left: Expr; readonly right: Expr };
  if (isName(right)) return { names: textsIn(left), pattern: null };
  return isName(left) && operator !== 'contains' ? { names: textsIn(right), pattern: null } : null;
}

function isName(expression: Expr): boolean {
  const access = accessOf(expression);
  const isDot = nodeOf(expression).operator === '.';
  return isDot && access?.variable === 'resource' && access.attributes.join() === 'name';
}

/** The text that an expression is, or those in a set of texts. */
function textsIn(expression: Expr): readonly string[] {
  const { operator, body } = nodeOf(expression);
  if (operator === 'Set') return (body as readonly Expr[]).flatMap(textsIn);
  if (operator !== 'Value') return [];
  return [body].flat().filter((value) => typeof value === 'string');
}

function entitiesIn(expression: Expr): readonly EntityUidJson[] {
  const { operator, body } = nodeOf(expression);
  if (operator !== 'Value') return [];
  return [body].flat().filter(isEntity);
}

function isEntity(value: unknown): value is EntityUidJson {
  return typeof value === 'object' && value !== null && '__entity' in value;
}

/** A second sentence where something is near, else nothing. */
function hintOf(name: string, candidates: Iterable<string>): string {
  const near = suggest(name, candidates);
  return near === null ? '' : `. Did you mean "${near}"?`;
}
