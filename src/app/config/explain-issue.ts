import type { z } from 'zod';
import { isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import { suggest } from '../../kernel/suggest.ts';

type Issue = z.core.$ZodIssue;

/** One sentence for a person: where, what is wrong, and the nearest name that the schema has. Never shows the value. */
export function explainIssue(
  issue: Issue,
  lineOf: (path: readonly string[]) => number | null,
  schema: JsonObject,
): string {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => unknownKey([...path, key], lineOf, schema)).join(' ');
  }
  return `${place(path, lineOf)} ${problem(issue)}.`;
}

function unknownKey(
  path: readonly string[],
  lineOf: (path: readonly string[]) => number | null,
  schema: JsonObject,
): string {
  const parent = path.slice(0, -1);
  const siblings = namesAt(schema, parent);
  const near = suggest(path.at(-1) ?? '', siblings);
  const hint =
    near === null ? `Known here: ${siblings.join(', ')}.` : `Did you mean ${[...parent, near].join('.')}?`;
  return `${place(path, lineOf)} is not a setting. ${hint}`;
}

/** The members that a JSON Schema has at a place. */
function namesAt(schema: JsonObject, path: readonly string[]): readonly string[] {
  let found: Json | undefined = schema;
  for (const name of path) {
    if (!isJsonObject(found)) return [];
    const members: Json | undefined = found['properties'];
    found = isJsonObject(members) ? members[name] : (found['items'] ?? found['additionalProperties']);
  }
  const properties = isJsonObject(found) ? found['properties'] : undefined;
  return isJsonObject(properties) ? Object.keys(properties) : [];
}

function problem(issue: Issue): string {
  if (issue.code === 'invalid_type') return `must be ${kinds[issue.expected] ?? issue.expected}`;
  if (issue.code === 'too_small') return `must be at least ${issue.minimum}`;
  if (issue.code === 'too_big') return `must be at most ${issue.maximum}`;
  if (issue.code === 'invalid_value') return `must be one of ${issue.values.join(', ')}`;
  if (issue.code === 'invalid_union') {
    const inner = issue.errors.flat().find(({ code }) => code === 'invalid_value');
    return inner ? problem(inner) : issue.message;
  }
  if (issue.code === 'invalid_format' && issue.message.startsWith('must')) return issue.message;
  if (issue.code === 'invalid_format') return 'does not have the form of a host name, address or origin';
  return issue.message;
}

const kinds: Readonly<Record<string, string>> = {
  number: 'a number',
  int: 'a whole number',
  string: 'text',
  array: 'a list',
  object: 'a group of settings',
};

function place(path: readonly string[], lineOf: (path: readonly string[]) => number | null): string {
  const line = lineOf(path);
  const name = path.length === 0 ? 'The top of the file' : path.join('.');
  return line === null ? name : `line ${line}: ${name}`;
}
