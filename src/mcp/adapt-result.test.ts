import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json, JsonObject } from '../kernel/canonical-json.ts';
import { adaptResult, isAdapted } from './adapt-result.ts';
import { keepsMirrorRules } from './mirror-rules.ts';

const everything = (): boolean => true;
const modern = (method: string) => ({ method, era: 'modern' }) as const;

test('T3 what was permitted to one caller is private and kept no longer than a minute, whatever the server says', () => {
  const kept = { ttlMs: 3_600_000, cacheScope: 'public' };
  for (const method of [
    'tools/list',
    'prompts/list',
    'resources/list',
    'resources/read',
    'server/discover',
  ]) {
    const { ttlMs, cacheScope } = adaptResult(modern(method), kept, everything);
    assert.deepEqual([ttlMs, cacheScope], [60_000, 'private'], method);
  }
  assert.deepEqual(adaptResult(modern('tools/list'), { ttlMs: 5, cacheScope: 'private' }, everything), {
    ttlMs: 5,
    cacheScope: 'private',
  });
  assert.deepEqual(adaptResult({ method: 'tools/list', era: 'legacy' }, { tools: [] }, everything), {
    tools: [],
  });
});

test('T3 server/discover promises no revision that the gateway does not read', () => {
  const { supportedVersions } = adaptResult(
    modern('server/discover'),
    { supportedVersions: ['2031-01-01', '2026-07-28', '2025-11-25'] },
    everything,
  );
  assert.deepEqual(supportedVersions, ['2026-07-28', '2025-11-25']);
});

test('T3 other results keep their octets: the answer of a call, and everything of a resource in the legacy era', () => {
  assert.equal(isAdapted(modern('tools/call')), false);
  assert.equal(isAdapted({ method: 'resources/read', era: 'legacy' }), false);
  assert.equal(isAdapted({ method: 'tools/list', era: 'legacy' }), true);
});

test('A2 lists are filtered in both eras', () => {
  const tools = [{ name: 'a' }, { name: 'b' }];
  for (const era of ['modern', 'legacy'] as const) {
    const filtered = adaptResult(
      { method: 'tools/list', era },
      { tools },
      (action, target) => action === 'tools/call' && target.kind === 'tool' && target.name === 'b',
    );
    assert.deepEqual(filtered['tools'], [{ name: 'b' }]);
  }
});

function tool(properties: JsonObject, rest: JsonObject = {}): JsonObject {
  return { name: 'x', inputSchema: { type: 'object', properties, ...rest } };
}

const text = (header: Json): JsonObject => ({ type: 'string', 'x-mcp-header': header });

test('T3 a tool whose x-mcp-header no client can follow is in no modern list (MCP 2026-07-28, Schema Extension)', () => {
  const broken: Record<string, JsonObject> = {
    empty: tool({ a: text('') }),
    'no text': tool({ a: text(1) }),
    space: tool({ a: text('My Region') }),
    colon: tool({ a: text('Region:Primary') }),
    'not ASCII': tool({ a: text('Région') }),
    control: tool({ a: text('Region\t1') }),
    number: tool({ a: { type: 'number', 'x-mcp-header': 'A' } }),
    object: tool({ a: { type: 'object', 'x-mcp-header': 'A' } }),
    'no type': tool({ a: { 'x-mcp-header': 'A' } }),
    'twice but for case': tool({ a: text('MyField'), b: text('myfield') }),
    'below items': tool({ a: { type: 'array', items: text('A') } }),
    'below anyOf': tool({}, { anyOf: [{ properties: { a: text('A') } }] }),
    'below $defs': tool({}, { $defs: { a: text('A') } }),
    'on the root': tool({}, { 'x-mcp-header': 'A' }),
  };
  for (const [what, one] of Object.entries(broken)) assert.equal(keepsMirrorRules(one), false, what);
  const sound = [
    tool({
      a: text('Region'),
      b: { type: 'object', properties: { c: { type: 'integer', 'x-mcp-header': 'C' } } },
    }),
    tool({ 'x-mcp-header': { type: 'string' } }, { default: { 'x-mcp-header': 'data' } }),
    { name: 'no schema' },
  ];
  for (const one of sound) assert.equal(keepsMirrorRules(one), true);
  const list = (era: 'modern' | 'legacy'): unknown =>
    adaptResult({ method: 'tools/list', era }, { tools: [broken['empty'] ?? {}, ...sound] }, everything)[
      'tools'
    ];
  assert.deepEqual(list('modern'), sound);
  assert.equal((list('legacy') as unknown[]).length, 4, 'no headers there');
});
