import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkParseSchema, schemaToJson } from '@cedar-policy/cedar-wasm/nodejs';
import { actionGroups, actions, contextMembers, entityTypes, schemaText } from './schema.ts';

test('A1 the schema is one that Cedar takes, with the entity types and actions of the tables', () => {
  assert.deepEqual(checkParseSchema(schemaText()), { type: 'success' });
  const answer = schemaToJson(schemaText());
  assert.equal(answer.type, 'success');
  const schema = answer.type === 'success' ? answer.json[''] : undefined;
  assert.deepEqual(
    Object.keys(schema?.entityTypes ?? {}).sort(),
    [...Object.keys(entityTypes), 'Null'].sort(),
  );
  assert.deepEqual(
    Object.keys(schema?.actions ?? {}).sort(),
    [...Object.keys(actions), ...actionGroups].sort(),
  );
});

test('A1 docs/policy.md lists the actions, entity types and context members of the schema', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/policy.md'), 'utf8');
  assert.deepEqual(
    tableOf(page, 'Actions'),
    Object.entries(actions).map(([name, row]) => [
      name,
      row.groups.join(', ') || '–',
      row.on.join(', '),
      row.arguments ? 'yes' : 'no',
    ]),
  );
  assert.deepEqual(
    tableOf(page, 'Entities').map(([type, parents, attributes]) => [type, parents, attributes]),
    Object.entries(entityTypes).map(([type, row]) => [
      type,
      row.in.join(', ') || '–',
      row.attributes.join(', ') || '–',
    ]),
  );
  assert.deepEqual(
    tableOf(page, 'Context').map(([name]) => name),
    Object.keys(contextMembers),
  );
});

/** The cells of the table under a heading, without code marks. */
function tableOf(page: string, heading: string): readonly (readonly string[])[] {
  const section = page.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  return section
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim().replaceAll('`', '')),
    );
}
