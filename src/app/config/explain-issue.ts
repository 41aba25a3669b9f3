import type { z } from 'zod';
import { suggest } from '../../kernel/suggest.ts';
import { listSettings } from './json-schema.ts';

type Issue = z.core.$ZodIssue;

/** One sentence for a person: where, what is wrong, and the nearest known name. Never shows the value. */
export function explainIssue(issue: Issue, lineOf: (path: readonly string[]) => number | null): string {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => unknownKey([...path, key], lineOf)).join(' ');
  }
  return `${place(path, lineOf)} ${problem(issue)}.`;
}

function unknownKey(path: readonly string[], lineOf: (path: readonly string[]) => number | null): string {
  const parent = path.slice(0, -1);
  const siblings = listSettings()
    .filter((setting) => parent.every((name, at) => setting.path[at] === name))
    .map((setting) => setting.path[parent.length] ?? '');
  const near = suggest(path.at(-1) ?? '', new Set(siblings));
  const hint =
    near === null
      ? `Known here: ${[...new Set(siblings)].join(', ')}.`
      : `Did you mean ${[...parent, near].join('.')}?`;
  return `${place(path, lineOf)} is not a setting. ${hint}`;
}

function problem(issue: Issue): string {
  if (issue.code === 'invalid_type') return `must be ${kinds[issue.expected] ?? issue.expected}`;
  if (issue.code === 'too_small') return `must be at least ${issue.minimum}`;
  if (issue.code === 'too_big') return `must be at most ${issue.maximum}`;
  if (issue.code === 'invalid_value') return `must be one of ${issue.values.join(', ')}`;
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
