import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Json } from '../kernel/canonical-json.ts';
import { Fault } from '../kernel/fault.ts';
import { readServerDefinition } from './server-definition.ts';

const http = { name: 'github', transport: 'http', url: 'https://mcp.example/mcp' };
const stdio = { name: 'files', transport: 'stdio', command: ['node', 'server.js'] };

test('reads an HTTP server and fills in what may be left out', () => {
  assert.deepEqual(readServerDefinition(http), {
    ...http,
    description: '',
    tools: 'approved',
    era: 'auto',
    tls: { authority: null, presentCertificate: false, serverName: null },
    headers: {},
  });
});

test('T3 reads an HTTP+SSE server, which is of the legacy era', () => {
  const { era, ...read } = readServerDefinition({ ...http, transport: 'sse' });
  assert.equal(era, 'legacy');
  assert.deepEqual({ ...read, transport: 'http', era: 'auto' }, readServerDefinition(http));
});

test('reads a stdio server and fills in what may be left out', () => {
  assert.deepEqual(readServerDefinition(stdio), {
    ...stdio,
    description: '',
    tools: 'approved',
    era: 'auto',
    directory: null,
    environment: {},
  });
});

test('what was read reads as itself', () => {
  for (const definition of [http, { ...http, transport: 'sse' }, stdio]) {
    const once = readServerDefinition(definition);
    assert.deepEqual(readServerDefinition(JSON.parse(JSON.stringify(once)) as Json), once);
  }
});

test('T7 timeouts are a definition of its server, and the ones that are left out stay as they are for all', () => {
  const timeouts = { answerMilliseconds: 5_000, idleMilliseconds: 1_000 };
  assert.deepEqual(readServerDefinition({ ...http, timeouts }), { ...readServerDefinition(http), timeouts });
  assert.deepEqual(readServerDefinition({ ...stdio, timeouts: { answerMilliseconds: 1 } }), {
    ...readServerDefinition(stdio),
    timeouts: { answerMilliseconds: 1 },
  });
  assert.deepEqual(readServerDefinition({ ...http, timeouts: {} }), readServerDefinition(http));
  assert.throws(
    () => readServerDefinition({ ...http, timeouts: { anserMilliseconds: 1 } }),
    /answerMilliseconds/,
  );
});

const bad: readonly (readonly [string, Json])[] = [
  ['no object', []],
  ['no transport', { name: 'x' }],
  ['another transport', { ...http, transport: 'ws' }],
  ['HTTP+SSE in the modern era', { ...http, transport: 'sse', era: 'modern' }],
  ['HTTP+SSE with a command', { ...stdio, transport: 'sse' }],
  ['an era that nobody speaks', { ...http, era: 'classic' }],
  ['a name with a slash', { ...http, name: 'a/b' }],
  ['a name in capitals', { ...http, name: 'GitHub' }],
  ['a name that ends with a dot', { ...http, name: 'a.' }],
  ['a file URL', { ...http, url: 'file:///etc/passwd' }],
  ['a javascript URL', { ...http, url: 'javascript:alert(1)' }],
  ['no URL', { ...http, url: 'mcp.example' }],
  ['a password in the URL', { ...http, url: 'https://a:b@mcp.example/' }],
  ['a fragment in the URL', { ...http, url: 'https://mcp.example/#x' }],
  ['a header that the transport sets', { ...http, headers: { Host: 'x' } }],
  ['a header that speaks for the caller', { ...http, headers: { 'Mcp-Session-Id': 'x' } }],
  ['a header name with a newline', { ...http, headers: { 'a\r\nb': 'x' } }],
  ['a header value with a newline', { ...http, headers: { a: 'x\r\nb: c' } }],
  ['a relative authority', { ...http, tls: { authority: 'ca.pem' } }],
  ['a server name that is none', { ...http, tls: { serverName: 'a b' } }],
  ['an unknown member of tls', { ...http, tls: { insecure: true } }],
  ['a command in one text', { ...stdio, command: 'node server.js' }],
  ['an empty command', { ...stdio, command: [] }],
  ['a command line as the program', { ...stdio, command: ['node server.js'] }],
  ['a relative program', { ...stdio, command: ['./server'] }],
  ['a NUL in an argument', { ...stdio, command: ['node', 'a\0b'] }],
  ['an argument that is no text', { ...stdio, command: ['node', 1] }],
  ['a relative directory', { ...stdio, directory: 'here' }],
  ['a variable with an equals sign', { ...stdio, environment: { 'A=B': 'x' } }],
  ['a timeout of nothing', { ...http, timeouts: { answerMilliseconds: 0 } }],
  ['a timeout that is text', { ...http, timeouts: { answerMilliseconds: '5s' } }],
  ['a timeout of two days', { ...http, timeouts: { answerMilliseconds: 172_800_000 } }],
  ['a connect timeout of a child', { ...stdio, timeouts: { connectMilliseconds: 1 } }],
  ['a member of the other transport', { ...stdio, url: 'https://x/' }],
];

for (const [what, definition] of bad) {
  test(`refuses ${what}`, () => {
    assert.throws(() => readServerDefinition(definition), { code: 'invalid_input' });
  });
}

test('an unknown member is refused with the nearest one', () => {
  assert.throws(() => readServerDefinition({ ...stdio, enviroment: {} }), /did you mean "environment"/);
});

test('nothing but a Fault is ever thrown', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom('http', 'stdio'), (value, transport) => {
      try {
        readServerDefinition({ name: 'x', transport, url: value, command: value, headers: value } as Json);
      } catch (error) {
        assert.ok(error instanceof Fault);
      }
    }),
  );
});

for (const [where, definition] of [
  ['headers.authorization', { ...http, headers: { authorization: 'Bearer canary-in-plain-text' } }],
  ['headers.X-Api-Key', { ...http, headers: { 'X-Api-Key': 'canary-in-plain-text' } }],
  ['headers.x-any', { ...http, headers: { 'x-any': 'ghp_canaryInPlainText' } }],
  ['headers.cookie', { ...http, transport: 'sse', headers: { 'x-any': 'a ${env:A}', cookie: 'canary=1' } }],
  ['url', { ...http, url: 'https://a.example/mcp?api_key=canary-in-plain-text' }],
  ['environment.GITHUB_TOKEN', { ...stdio, environment: { GITHUB_TOKEN: 'canary-in-plain-text' } }],
  ['environment.ANY', { ...stdio, environment: { ANY: 'postgres://user:canary@db.example/x' } }],
  ['command[2]', { ...stdio, command: ['server', '--key', 'sk-canary-in-plain-text'] }],
  ['command[1]', { ...stdio, command: ['server', '--url=https://user:canary@a.example'] }],
] as const) {
  test(`S1 a secret in plain text in ${where} is refused with the way to move it, and not told`, () => {
    assert.throws(
      () => readServerDefinition(definition),
      (error) => {
        assert.ok(error instanceof Fault && error.code === 'invalid_input');
        assert.match(error.message, /plain text\. Put it in a secret store/);
        assert.ok(!error.message.includes('canary'), error.message);
        return true;
      },
    );
  });
}

test('S1 references, and what only sounds like a secret, are read', () => {
  for (const definition of [
    { ...http, headers: { authorization: 'Bearer ${vault:kv/data/x#y}', 'x-tenant': 'blue' } },
    { ...http, headers: { authorization: 'env:TOKEN' } },
    {
      ...stdio,
      environment: { GITHUB_TOKEN: 'k8s:a/b#c', EMPTY_TOKEN: '', TOKEN_URL: 'https://a.example/token' },
    },
  ]) {
    readServerDefinition(definition);
  }
});
