import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Json, JsonObject } from '../kernel/canonical-json.ts';
import { readToolDefinition } from './tool-definition.ts';

const tool: JsonObject = {
  name: 'search',
  title: 'Search',
  description: 'Finds notes.',
  inputSchema: { type: 'object', properties: { text: { type: 'string', default: '', enum: ['a', 'b'] } } },
  outputSchema: { type: 'object' },
  annotations: { readOnlyHint: true },
  icons: [{ src: 'https://example.com/i.png' }],
  _meta: { 'example.com/x': [1, 2] },
};

test('A5 the hash of a tool is SHA-256 of its canonical JSON (RFC 8785), whatever the order of members', () => {
  const backwards = Object.fromEntries(Object.entries(tool).reverse());
  const text = readToolDefinition(tool)?.text ?? '';
  assert.ok(text.startsWith('{"_meta":{"example.com/x":[1,2]},"annotations":{"readOnlyHint":true},'), text);
  assert.equal(readToolDefinition(tool)?.hash, createHash('sha256').update(text).digest('base64url'));
  assert.deepEqual(readToolDefinition(backwards), readToolDefinition(tool));
});

test('A5 attack, rug pull: any change anywhere in a definition is another hash', () => {
  const places = fc.constantFrom(...pathsOf(tool, []));
  fc.assert(
    fc.property(places, fc.jsonValue(), (path, value) => {
      const changed = replaced(tool, path, value as Json);
      fc.pre(JSON.stringify(changed) !== JSON.stringify(tool));
      assert.notEqual(readToolDefinition(changed)?.hash, readToolDefinition(tool)?.hash);
    }),
    { numRuns: 2_000 },
  );
});

test('A5 what cannot be told apart for certain has no definition', () => {
  const deep = JSON.parse(`${'['.repeat(200)}${']'.repeat(200)}`) as Json;
  const wrong: readonly Json[] = [
    null,
    [],
    'search',
    {},
    { name: 7 },
    { name: '' },
    { ...tool, name: 'x'.repeat(257) },
    { ...tool, description: '\ud800' },
    { ...tool, description: 'x'.repeat(131_072) },
    { ...tool, _meta: { deep } },
  ];
  for (const one of wrong) assert.equal(readToolDefinition(one), null, JSON.stringify(one)?.slice(0, 80));
});

function pathsOf(value: Json, path: readonly (string | number)[]): (readonly (string | number)[])[] {
  const own = path.length > 0 && path[0] !== 'name' ? [path] : [];
  if (typeof value !== 'object' || value === null) return own;
  return [...own, ...Object.entries(value).flatMap(([name, member]) => pathsOf(member, [...path, name]))];
}

function replaced(value: Json, [first, ...rest]: readonly (string | number)[], by: Json): Json {
  if (first === undefined) return by;
  if (Array.isArray(value))
    return value.map((one: Json, at) => (at === Number(first) ? replaced(one, rest, by) : one));
  const object = value as JsonObject;
  return { ...object, [first]: replaced(object[first] ?? null, rest, by) };
}
