import type { Question } from '../question.ts';
import type { Cell } from './cells.ts';
import type { Widening } from './widenings.ts';

const outcomes = { deny: 'denied', ask: 'asked about', permit: 'permitted' } as const;

/** What is allowed more, in lines for people: by policy, then what it is about. */
export function wideningLines(found: readonly Widening[]): readonly string[] {
  const byPolicy = new Map<string, Widening[]>();
  for (const widening of found) {
    const { id } = widening.permit;
    byPolicy.set(id, [...(byPolicy.get(id) ?? []), widening]);
  }
  return [...byPolicy.values()].flatMap((same) => {
    const [first] = same;
    if (!first) return [];
    const { id, file, line } = first.permit;
    return [`by policy "${id}" (${file}:${line}):`, ...same.map((widening) => `  ${wideningText(widening)}`)];
  });
}

function wideningText({ cell, certainty, question, before, after, gone }: Widening): string {
  const what = `${methodsText(cell.actions)} ${resourceText(cell.resource)}`;
  const change = `${outcomes[before]} → ${outcomes[after]}`;
  const forbids = gone.filter(({ effect }) => effect === 'forbid').map(({ id }) => `"${id}"`);
  const without = forbids.length === 0 ? '' : `; not held back any more by ${forbids.join(', ')}`;
  switch (certainty) {
    case 'shown':
      return `${what}: ${change}, for example ${question ? questionText(question) : ''}${without}`;
    case 'possible':
      return `${what}: may be ${change}; its conditions could not be compared${without}`;
    default:
      return `${what}: too much to compare; taken to allow more${without}`;
  }
}

function methodsText(methods: readonly string[]): string {
  const [first = ''] = methods;
  return methods.length > 3 ? `${first} and ${methods.length - 1} other methods` : methods.join(', ');
}

function resourceText({ type, server, name }: Cell['resource']): string {
  const of = server === null ? 'servers that no policy names' : server;
  if (type === 'Server') return server === null ? `of ${of}` : `of the server ${server}`;
  const kind = type.toLowerCase();
  if (server !== null && name !== null) return `of the ${kind} ${server}/${name}`;
  return `of every ${server === null ? '' : 'other '}${kind} of ${of}`;
}

/** Who asks, with what, as far as it is not what is always so. */
function questionText({ agent, context }: Question): string {
  const { person, client, acr, scopes, key, binding, labels, touched, profile, actors } = context;
  const given = Object.keys(context.arguments ?? {}).length > 0 ? JSON.stringify(context.arguments) : null;
  const parts = [
    agent.name === 'an-agent' ? 'an agent' : `the agent ${agent.name}`,
    agent.roles.length === 0 ? 'without roles' : `with the ${plural('role', agent.roles)}`,
    ...(profile === 'agent' ? [] : [`profile ${profile}`]),
    ...(given === null ? [] : [`arguments ${given}`]),
    ...(person === null ? [] : [`person ${person}`]),
    ...(client === null ? [] : [`client ${client}`]),
    ...(acr === null ? [] : [`acr ${acr}`]),
    ...(scopes.length === 0 ? [] : [plural('scope', scopes)]),
    ...(actors.length === 0 ? [] : [plural('actor', actors)]),
    ...(labels.length === 0 ? [] : [plural('label', labels)]),
    ...(touched.length === 0 ? [] : [`touched ${touched.join(', ')}`]),
    ...(key === 'unknown' ? [] : [`key in ${key}`]),
    ...(binding === 'certificate' ? [] : [`a token bound by ${binding}`]),
  ];
  return parts.join(', ').replace(', with', ' with');
}

function plural(noun: string, names: readonly string[]): string {
  return `${noun}${names.length === 1 ? '' : 's'} ${names.join(', ')}`;
}
