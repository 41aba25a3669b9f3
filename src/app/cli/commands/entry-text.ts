import type { Entry } from '../../../audit/entry.ts';
import { isJsonObject } from '../../../kernel/canonical-json.ts';
import { printable } from '../format-table.ts';

/** An entry on one line, for a person. */
export function entryText({ index, time, event }: Entry): string {
  const messages = Array.isArray(event['messages']) ? event['messages'].filter(isJsonObject) : [];
  const acts = messages.map(({ method, target }) => [method, target].filter(isText).join(' '));
  const who = event['agent'] ?? event['name'];
  const words = [
    time,
    `#${index}`,
    event['type'],
    who,
    event['server'],
    ...acts,
    event['code'],
    event['reason'],
  ];
  return printable(words.filter(isText).join('  '));
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
