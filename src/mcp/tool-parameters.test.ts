import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../kernel/canonical-json.ts';
import { createToolParameters } from './tool-parameters.ts';

const tool = {
  name: 'query',
  inputSchema: {
    type: 'object',
    properties: {
      region: { type: 'string', 'x-mcp-header': 'Region' },
      note: { type: 'string' },
      page: { type: 'object', properties: { size: { type: 'integer', 'x-mcp-header': 'Page-Size' } } },
      deep: { type: 'boolean', 'x-mcp-header': 'Deep' },
    },
  },
};

const lookup = (given: Record<string, string>): Parameters<ReturnType<typeof learnt>['disagreement']>[2] => ({
  get: (name) => Object.entries(given).find(([each]) => each.toLowerCase() === name)?.[1] ?? null,
  entries: () => Object.entries(given),
});

function learnt(): ReturnType<typeof createToolParameters> {
  const parameters = createToolParameters();
  parameters.learn({ tools: [tool] });
  return parameters;
}

test('T6 a header says what its own argument says, and not what another one happens to say', () => {
  const parameters = learnt();
  const args = { region: 'eu', note: 'us', page: { size: 10 }, deep: true };
  const agreeing = {
    'mcp-param-region': 'eu',
    'Mcp-Param-Page-Size': '10.0',
    'mcp-param-deep': 'true',
    'mcp-name': 'query',
  };
  assert.equal(parameters.disagreement('query', args, lookup(agreeing)), null);
  for (const [header, value] of [
    ['mcp-param-region', 'us'],
    ['Mcp-Param-Region', 'EU'],
    ['mcp-param-page-size', '11'],
    ['mcp-param-page-size', ''],
    ['mcp-param-deep', 'false'],
    ['mcp-param-note', 'us'],
    ['mcp-param-region', '=?base64?%%?='],
  ] as const) {
    const kept = Object.entries(agreeing).filter(([name]) => name.toLowerCase() !== header.toLowerCase());
    const given = { ...Object.fromEntries(kept), [header]: value };
    assert.equal(parameters.disagreement('query', args, lookup(given)), header, value);
  }
  const base64 = `=?base64?${Buffer.from('eu').toString('base64')}?=`;
  const encoded = { ...agreeing, 'mcp-param-region': base64 };
  assert.equal(parameters.disagreement('query', args, lookup(encoded)), null);
  assert.equal(
    parameters.disagreement('query', {}, lookup({ 'mcp-param-region': 'eu' })),
    'mcp-param-region',
  );
});

test('T6 a header whose argument is there is there as well', () => {
  const parameters = learnt();
  const missing = (args: JsonObject): string | null => parameters.disagreement('query', args, lookup({}));
  assert.equal(missing({ region: 'eu' }), 'mcp-param-region');
  assert.equal(missing({ deep: false }), 'mcp-param-deep');
  assert.equal(missing({ page: { size: 0 } }), 'mcp-param-page-size');
  for (const args of [{}, { region: null, note: 'us' }, { page: { size: 1.5 } }, { region: { a: 1 } }]) {
    assert.equal(missing(args), null);
  }
});

test('T6 a tool that no list told of is judged by nobody here, and a newer list takes the place of an older', () => {
  const parameters = learnt();
  assert.equal(parameters.disagreement('other', {}, lookup({ 'mcp-param-region': 'us' })), null);
  parameters.learn({ tools: [{ ...tool, inputSchema: {} }] });
  assert.equal(
    parameters.disagreement('query', { region: 'eu' }, lookup({ 'mcp-param-region': 'eu' })),
    'mcp-param-region',
  );
});

test('T6 what is written into headers is what agrees with them', () => {
  const parameters = learnt();
  const args = { region: ' Zürich ', page: { size: -3 }, deep: false };
  assert.equal(parameters.disagreement('query', args, lookup(parameters.headers('query', args))), null);
});
