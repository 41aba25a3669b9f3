import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkParseSchema } from '@cedar-policy/cedar-wasm/nodejs';
import { Fault } from '../../kernel/fault.ts';
import { policies } from '../question.fixture.ts';
import { checkTools, toolFindingText } from './check-tools.ts';
import { readToolDefinitions } from './known-tools.ts';
import { toolSchemaText } from './tool-schema.ts';

const known = readToolDefinitions({
  files: {
    tools: [
      {
        name: 'read_text_file',
        inputSchema: {
          type: 'object',
          properties: {
            path: { type: 'string' },
            head: { type: 'integer' },
            mode: { enum: ['text', 'binary'] },
            tags: { type: 'array', items: { type: 'string' } },
            filter: { $ref: '#/$defs/filter' },
            size: { type: 'number' },
            any: {},
          },
          required: ['path'],
          $defs: { filter: { type: 'object', properties: { depth: { type: 'integer' } } } },
        },
      },
      {
        name: 'delete_file',
        inputSchema: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] },
      },
      { name: 'list_roots', inputSchema: { type: 'object' } },
    ],
  },
  web: {
    tools: [
      {
        name: 'fetch',
        inputSchema: { type: 'object', properties: { url: { type: 'string' } }, additionalProperties: true },
      },
    ],
  },
});
const call = 'action == Action::"tools/call"';
const one = `permit (principal, ${call}, resource == Tool::"files/read_text_file") when`;
const all = `permit (principal, ${call}, resource in Server::"files") when`;

/** Each line: the policy, and the findings: 'E' or 'W', what their text must name. */
const rows: readonly (readonly [string, ...(readonly ['E' | 'W', RegExp])[]])[] = [
  // What is right is not spoken of.
  [`${one} { context.arguments.path like "/srv/*" };`],
  [`${one} { context.arguments has head && context.arguments.head < 5 };`],
  [`${one} { context.arguments has mode && context.arguments.mode == "binary" };`],
  [`${one} { context.arguments has tags && context.arguments.tags.contains("a") };`],
  [`${one} { context.arguments has filter.depth && context.arguments.filter.depth < 3 };`],
  [`${one} { context.arguments has size && context.arguments.size.lessThan(decimal("1.5")) };`],
  [`${one} { context.arguments has any && context.arguments.any.deep == 3 };`],
  [`${all} { context.arguments has path && context.arguments.path like "/srv/*" };`],
  [`${all} { resource == Tool::"files/list_roots" || context.arguments.path like "/srv/*" };`],
  [`${all} { resource.name != "list_roots" } unless { context.arguments.path like "*..*" };`],
  [
    `permit (principal, action, resource) when { context has arguments && context.arguments has path && context.arguments.path like "/*" };`,
  ],
  [
    `permit (principal, ${call}, resource == Tool::"web/fetch") when { context.arguments has undeclared && context.arguments.undeclared == 3 };`,
  ],
  // Tools and servers.
  [`permit (principal, ${call}, resource == Tool::"files/read_txt_file");`, ['E', /"read_text_file"\?/]],
  [
    `permit (principal, ${call}, resource == Tool::"fils/read_text_file");`,
    ['W', /"fils" is not known.*"files"\?/],
  ],
  [`permit (principal, action, resource in Server::"git");`, ['W', /"git" is not known yet/]],
  [`${all} { resource in [Tool::"files/delete_file", Tool::"files/delete_fil"] };`, ['E', /"delete_file"\?/]],
  [`${all} { resource.name == "delete_fil" };`, ['E', /"delete_file"\?/]],
  [
    `${all} { ["delete_fil", "list_roots"].contains(resource.name) };`,
    ['E', /"delete_fil".*"delete_file"\?/],
  ],
  [`forbid (principal, ${call}, resource) when { resource.name == "delete_fil" };`, ['W', /"delete_file"\?/]],
  [
    `forbid (principal, ${call}, resource) when { resource.name like "remove*" };`,
    ['W', /no tool that is known has a name like that/],
  ],
  // Arguments.
  [`${one} { context.arguments.pth like "/srv/*" };`, ['E', /has no argument "pth".*"path"\?/]],
  [`${one} { context.arguments has pth };`, ['E', /has no argument "pth".*"path"\?/]],
  [`${one} { context.arguments has filter.dept };`, ['E', /"filter\.dept".*"depth"\?/]],
  [`${one} { context.arguments["pa th"] == "x" };`, ['E', /"path"\?/]],
  [`${all} { context.arguments has pth };`, ['E', /none of the 3 tools.*an argument "pth".*"path"\?/]],
  [`forbid (principal, ${call}, resource) when { context.arguments has pth };`],
  [
    `permit (principal, ${call}, resource == Tool::"files/list_roots") when { context.arguments has x };`,
    ['E', /It has none/],
  ],
  [`${one} { context.arguments.head < 5 };`, ['E', /"head".*may be left out.*has head &&/]],
  [`${one} { context.arguments.any == 3 };`, ['E', /"any".*may be left out/]],
  [`${one} { context.arguments.path < 5 };`, ['E', /files\/read_text_file.*expected Long but saw String/]],
  [`${one} { context.arguments.path == 5 };`, ['E', /Long and String/]],
  [`${one} { context.arguments has tags && context.arguments.tags like "a" };`, ['E', /Set<String>/]],
  [
    `${one} { context.arguments has mode && context.arguments.mode == "binry" };`,
    ['E', /never "binry".*"binary"\?/],
  ],
  [
    `${all} { context.arguments.path like "/srv/*" };`,
    ['E', /"files\/list_roots" has no argument "path".*refused/],
  ],
  [`@undeclared("an old switch") ${one} { context.arguments has sudo };`, ['W', /"sudo"/]],
];

for (const [text, ...expected] of rows) {
  test(`A3 policies are held against the definitions of tools: ${text}`, () => {
    const findings = checkTools(policies(text).policies, known);
    const told = findings.map((finding) => `${finding.level} ${toolFindingText(finding)}`);
    assert.equal(findings.length, expected.length, told.join('\n'));
    for (const [at, [level, what]] of expected.entries()) {
      assert.equal(findings[at]?.level, level === 'E' ? 'error' : 'warning', told.join('\n'));
      assert.match(told[at] ?? '', what);
    }
  });
}

test('A3 a finding says where in the file it is', () => {
  const text = `// first line\n${one}\n{ context.arguments.pth like "x" };`;
  const told = checkTools(policies(text).policies, known).map(toolFindingText);
  assert.match(told.join('\n'), /^a\.cedar:3:21: /);
});

test('A3 every tool is an action of the schema, with the types of its arguments', () => {
  const text = toolSchemaText(known);
  assert.deepEqual(checkParseSchema(text), { type: 'success' });
  assert.match(
    text,
    /action "tools\/call files\/read_text_file"[^;]*head\?: Long[^;]*path: String[^;]*tags\?: Set<String>/,
  );
});

test('A3 definitions that are not those of tools are refused with the place', () => {
  for (const value of [{ files: [] }, { files: { tools: [{ title: 'x' }] } }, { 'a/b': { tools: [] } }]) {
    assert.throws(
      () => readToolDefinitions(value),
      (error) => error instanceof Fault && error.code === 'invalid_input',
    );
  }
});

test('A3 a schema that says little, or nothing that can be read, allows any argument', () => {
  const odd = readToolDefinitions({
    files: {
      tools: [
        { name: 'a' },
        { name: 'b', inputSchema: true },
        {
          name: 'c',
          inputSchema: {
            properties: {
              x: { $ref: '#/none' },
              y: { $ref: '#' },
              z: { anyOf: [{ type: 'string' }, { type: 'integer' }] },
            },
          },
        },
        {
          name: 'd',
          inputSchema: {
            properties: { x: { allOf: [{ type: 'string' }] } },
            patternProperties: { '^a': {} },
          },
        },
      ],
    },
  });
  for (const [tool, member] of [
    ['a', 'q'],
    ['b', 'q'],
    ['c', 'z'],
    ['c', 'x'],
    ['c', 'y'],
    ['d', 'q'],
  ]) {
    const text = `permit (principal, ${call}, resource == Tool::"files/${tool}") when { context.arguments has ${member} && context.arguments.${member} == 3 };`;
    assert.deepEqual(checkTools(policies(text).policies, odd), [], text);
  }
});
