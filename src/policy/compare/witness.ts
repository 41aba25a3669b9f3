import { isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import { likePattern } from '../evaluate/like-pattern.ts';
import { type Question, withoutLabels, withoutToken } from '../question.ts';
import type { Cell } from './cells.ts';
import { type Fact, knownOf } from './facts.ts';
import { type Atoms, can } from './formula.ts';

/** What is demanded of one value. */
type Demand = { readonly fact: Fact; readonly holds: boolean };

/**
 * A question of the cell in which the atoms come to what is wanted, as far as their form says how to make one. Whoever uses it asks
 * the policies: what cannot be made on purpose comes out as it comes.
 */
export function witnessOf(cell: Cell, atoms: Atoms, values: readonly number[]): Question {
  const demands = new Map<string, Demand[]>();
  const roles: string[] = [];
  let agent: string | null = null;
  for (const [at, atom] of atoms.list.entries()) {
    const value = values[at] ?? 0;
    const { fact } = knownOf(atom);
    const holds = value === can.hold;
    if (holds && fact.kind === 'role') roles.push(fact.id);
    if (holds && fact.kind === 'agent') agent = fact.id;
    if ('of' in fact && (holds || value === can.miss)) {
      demands.set(fact.of, [...(demands.get(fact.of) ?? []), { fact, holds }]);
    }
  }
  const told = (path: string): string | null => {
    const wanted = demands.get(path);
    const value = wanted ? valueFor(wanted) : null;
    return typeof value === 'string' ? value : null;
  };
  const { resource } = cell;
  const server = resource.server ?? told('resource.server') ?? told('resource.name') ?? 'another-server';
  const name = resource.name ?? told('resource.name') ?? told('resource.uri') ?? 'another';
  const profile = told('principal.profile') ?? told('context.profile') ?? 'agent';
  return {
    agent: {
      name: agent ?? told('principal.name') ?? 'an-agent',
      owner: told('principal.owner') ?? 'an-owner',
      roles,
    },
    action: cell.actions[0] ?? 'other',
    server,
    target: targetOf(cell, name),
    context: { ...contextFor(demands, told), profile },
  };
}

function targetOf({ resource: { type } }: Cell, name: string): Question['target'] {
  switch (type) {
    case 'Server':
      return { kind: 'server' };
    case 'Resource':
      return { kind: 'resource', uri: name };
    default:
      return { kind: type === 'Tool' ? 'tool' : 'prompt', name };
  }
}

function contextFor(
  demands: ReadonlyMap<string, readonly Demand[]>,
  told: (path: string) => string | null,
): Omit<Question['context'], 'profile'> {
  const time = valueFor(demands.get('context.time') ?? []);
  const binding = bindings.find((one) => one === told('context.binding'));
  const members = (name: string): readonly string[] =>
    (demands.get(`context.${name}`) ?? []).flatMap(({ fact, holds }) =>
      holds && fact.kind === 'member' ? [fact.text] : [],
    );
  const optional = (name: string): string | null => {
    const asked = (demands.get(`context.${name}`) ?? []).some(
      ({ fact, holds }) => holds && fact.kind === 'has',
    );
    return told(`context.${name}`) ?? (asked ? `a-${name}` : null);
  };
  const actors = members('actors');
  const actor = optional('actor');
  return {
    arguments: argumentsFor(demands),
    time: typeof time === 'number' ? time : 1_800_000_000_000,
    address: told('context.address') ?? '127.0.0.1',
    ...withoutToken,
    ...(binding && { binding }),
    person: optional('person'),
    client: optional('client'),
    acr: optional('acr'),
    scopes: members('scopes'),
    actors: actor === null ? actors : [actor, ...actors],
    key: told('context.key') === 'hardware' ? 'hardware' : 'unknown',
    ...withoutLabels,
    labels: members('labels'),
    touched: members('touched'),
  };
}

const bindings = ['certificate', 'mtls', 'dpop', 'paired', 'bearer'] as const;

function argumentsFor(demands: ReadonlyMap<string, readonly Demand[]>): JsonObject {
  const made: Record<string, Json> = {};
  for (const [path, wanted] of [...demands].sort(([a], [b]) => a.length - b.length)) {
    const names = path.split('.');
    if (names[0] !== 'context' || names[1] !== 'arguments' || names.length < 3) continue;
    const value = valueFor(wanted);
    if (value !== null) place(made, names.slice(2), value);
  }
  return made;
}

function place(into: Record<string, Json>, [name = '', ...rest]: readonly string[], value: Json): void {
  if (rest.length === 0) {
    // What is deeper was put there on purpose.
    if (!(name in into)) into[name] = value;
    return;
  }
  const below = into[name];
  const record: Record<string, Json> = isJsonObject(below) ? { ...below } : {};
  place(record, rest, value);
  into[name] = record;
}

/** A value that all demands are met by; null when none is made. */
function valueFor(demands: readonly Demand[]): Json {
  if (demands.some(({ fact, holds }) => fact.kind === 'has' && !holds)) return null;
  const candidates: readonly (string | number)[] = [...numbersFor(demands), ...textsFor(demands)];
  const value = candidates.find((candidate) => demands.every((demand) => meets(candidate, demand)));
  if (value !== undefined) return value;
  const items = demands.flatMap(({ fact, holds }) => (holds && fact.kind === 'member' ? [fact.text] : []));
  return items.length > 0 ? items : null;
}

function numbersFor(demands: readonly Demand[]): readonly number[] {
  const bounds = demands.flatMap(({ fact }) => (fact.kind === 'number' ? [fact.from, fact.to] : []));
  const near = bounds.flatMap((bound) => [bound, bound - 1, bound + 1]);
  return near.filter((bound) => Number.isSafeInteger(bound));
}

function textsFor(demands: readonly Demand[]): readonly string[] {
  const exact = demands.flatMap(({ fact }) => (fact.kind === 'text' ? [fact.equals] : []));
  const patterns = demands.flatMap(({ fact }) => (fact.kind === 'pattern' ? [fact.pattern] : []));
  const pieces = patterns.map((pattern) =>
    pattern.map((one) => (one === 'Wildcard' ? '' : one.Literal)).join(''),
  );

  const filled = patterns.flatMap((pattern) =>
    ['x', '', ...pieces].map((filling) =>
      pattern.map((element) => (element === 'Wildcard' ? filling : element.Literal)).join(''),
    ),
  );
  return [...exact, ...filled, ...exact.map((text) => `${text}x`), 'x', ''];
}

function meets(value: string | number, { fact, holds }: Demand): boolean {
  switch (fact.kind) {
    case 'text':
      return (value === fact.equals) === holds;
    case 'pattern':
      return typeof value === 'string' && likePattern(fact.pattern)(value) === holds;
    case 'number':
      return typeof value === 'number' && (value >= fact.from && value <= fact.to) === holds;
    case 'member':
      return false;
    default:
      return true;
  }
}
