import assert from 'node:assert/strict';
import { test } from 'node:test';
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
  get: (name) => given[name] ?? null,
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
    assert.equal(parameters.disagreement('query', args, lookup({ [header]: value })), header, value);
  }
  const base64 = `=?base64?${Buffer.from('eu').toString('base64')}?=`;
  assert.equal(parameters.disagreement('query', args, lookup({ 'mcp-param-region': base64 })), null);
  assert.equal(
    parameters.disagreement('query', {}, lookup({ 'mcp-param-region': 'eu' })),
    'mcp-param-region',
  );
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
