import type { EntityUidJson, Expr } from '@cedar-policy/cedar-wasm/nodejs';
import { coversAction } from '../covers-action.ts';
import { type Frame, type KnownEntity, targetOf } from '../evaluate/frame.ts';
import { entity, open, type Outcome } from '../evaluate/value.ts';
import { accessOf, nodeOf, walk } from '../expression.ts';
import type { Question } from '../question.ts';
import type { Rule } from '../rule.ts';
import { actions, contextMembers, optionalMembers } from '../schema.ts';
import type { Sight } from './formula.ts';

/** Questions that the policies tell apart by nothing but conditions: some methods, and one thing or all others of its kind. */
export interface Cell {
  /** Methods that the same rules cover. */
  readonly actions: readonly string[];
  readonly resource: CellResource;
  readonly sight: Sight;
}

export interface CellResource {
  readonly type: 'Server' | 'Tool' | 'Prompt' | 'Resource';
  /** Null for every server that no policy names. */
  readonly server: string | null;
  /** Null for everything of the server that no policy names. */
  readonly name: string | null;
  readonly entity: KnownEntity;
}

/** Every cell that the rules tell apart, with the tools that are known besides. */
export function* cellsOf(
  rules: readonly Rule[],
  tools: ReadonlyMap<string, Iterable<string>>,
): Generator<Cell, void> {
  const resources = resourcesOf(rules, tools);
  for (const group of actionGroupsOf(rules)) {
    const [first = 'other'] = group;
    for (const type of actions[first]?.on ?? []) {
      for (const resource of resources.filter((one) => one.type === type)) {
        yield { actions: group, resource, sight: sightOf(first, resource) };
      }
    }
  }
}

/** Methods that are asked about the same kinds of things and that the same rules cover, together. */
function actionGroupsOf(rules: readonly Rule[]): readonly (readonly string[])[] {
  const groups = new Map<string, string[]>();
  for (const [name, row] of Object.entries(actions)) {
    const covering = rules.flatMap((rule, at) => (coversAction(rule, name) ? [at] : []));
    // A condition may name the method; those stand alone.
    const named = rules.some((rule) => rule.json.conditions.some(({ body }) => readsAction(body)));
    const key = JSON.stringify([covering, row.on, row.arguments, named ? name : '']);
    groups.set(key, [...(groups.get(key) ?? []), name]);
  }
  return [...groups.values()];
}

function readsAction(expression: Expr): boolean {
  let found = false;
  walk(expression, (part) => {
    const access = accessOf(part);
    found ||=
      access?.variable === 'action' || (access?.variable === 'context' && access.attributes[0] === 'method');
    return !found;
  });
  return found;
}

// No server and nothing of a server has such a name.
const unnamed = '\u{1}';

function resourcesOf(
  rules: readonly Rule[],
  tools: ReadonlyMap<string, Iterable<string>>,
): readonly CellResource[] {
  const named = new Map<string, CellResource>();
  const servers = new Set<string>(tools.keys());
  const add = (type: CellResource['type'], server: string | null, name: string | null): void => {
    named.set(JSON.stringify([type, server, name]), {
      type,
      server,
      name,
      entity: entityOf(type, server, name),
    });
  };
  for (const uid of rules.flatMap(entitiesOf)) {
    const { type, id } = '__entity' in uid ? uid.__entity : uid;
    const [server = '', ...rest] = id.split('/');
    if (type === 'Server') servers.add(id);
    if (type !== 'Tool' && type !== 'Prompt' && type !== 'Resource') continue;
    servers.add(server);
    add(type, server, rest.join('/'));
  }
  for (const [server, names] of tools) for (const name of names) add('Tool', server, name);
  for (const server of [...servers, null]) {
    add('Server', server, null);
    for (const type of ['Tool', 'Prompt', 'Resource'] as const) add(type, server, null);
  }
  return [...named.values()];
}

function entitiesOf(rule: Rule): readonly EntityUidJson[] {
  const found: EntityUidJson[] = [];
  const { resource } = rule.json;
  if ('entity' in resource) found.push(resource.entity);
  if ('in' in resource && resource.in && 'entity' in resource.in) found.push(resource.in.entity);
  for (const { body } of rule.json.conditions) {
    walk(body, (part) => {
      const node = nodeOf(part);
      const value = node.operator === 'Value' ? node.body : null;
      if (typeof value === 'object' && value !== null && '__entity' in value)
        found.push(value as EntityUidJson);
      return true;
    });
  }
  return found;
}

function entityOf(type: CellResource['type'], server: string | null, name: string | null): KnownEntity {
  return targetOf({ server: server ?? unnamed, target: targetIn(type, name ?? unnamed) });
}

function targetIn(type: CellResource['type'], name: string): Question['target'] {
  switch (type) {
    case 'Server':
      return { kind: 'server' };
    case 'Resource':
      return { kind: 'resource', uri: name };
    default:
      return { kind: type === 'Tool' ? 'tool' : 'prompt', name };
  }
}

const nobody: KnownEntity = { entity: entity('Agent', ''), parents: new Set(), attributes: new Map() };

function sightOf(action: string, resource: CellResource): Sight {
  const row = actions[action];
  const context = new Map<string, Outcome>(Object.keys(contextMembers).map((name) => [name, open]));
  if (row?.arguments !== true) context.delete('arguments');
  const frame: Frame = {
    principal: nobody,
    action: {
      entity: entity('Action', action),
      parents: new Set((row?.groups ?? []).map((group) => entity('Action', group).key)),
      attributes: new Map(),
    },
    resource: resource.entity,
    context,
  };
  return { frame, hides: (expression) => hides(expression, resource) };
}

/** Who asks is not seen, nor which optional members there are, nor the name of what is not named. */
function hides(expression: Expr, { type, server, name }: CellResource): boolean {
  const access = accessOf(expression);
  if (!access) return false;
  const [attribute] = access.attributes;
  if (access.variable === 'principal') return true;
  if (access.variable === 'context') return optionalMembers.has(attribute ?? '');
  if (access.variable !== 'resource' || attribute === undefined || nodeOf(expression).operator === 'has')
    return false;
  return attribute === 'server' || type === 'Server' ? server === null : name === null;
}
