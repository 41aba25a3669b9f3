import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../kernel/canonical-json.ts';
import { encodeSseEvent } from '../mcp/sse.ts';
import {
  answerJson,
  answerLegacy,
  modernMeta,
  openSession,
  quick,
  resultFor,
  setStage,
  until,
} from './bridge.fixture.ts';

const eventStream = { 'content-type': 'text/event-stream' };

function event(message: JsonObject, id: string | null = null): string {
  return encodeSseEvent({ id, data: JSON.stringify({ jsonrpc: '2.0', ...message }) });
}

test('T3 a legacy session carries its id and revision from the second message on, and ends with DELETE', async () => {
  await using stage = await setStage();
  const client = await stage.connect();
  await openSession(client);
  client.send({ id: 1, method: 'tools/list' });
  assert.deepEqual((await client.answerTo(1))['result'], { echoed: 'tools/list' });
  assert.equal(await client.end(), 0);
  const seen = stage.seen.map(({ exchange, message }) => [
    exchange.method,
    message['method'] ?? null,
    exchange.headers.get('mcp-session-id'),
    exchange.headers.get('mcp-protocol-version'),
    exchange.headers.get('mcp-method'),
  ]);
  assert.deepEqual(
    seen.filter(([method]) => method !== 'GET'),
    [
      ['POST', 'initialize', null, null, null],
      ['POST', 'notifications/initialized', 'session-1', '2025-11-25', null],
      ['POST', 'tools/list', 'session-1', '2025-11-25', null],
      ['DELETE', null, 'session-1', '2025-11-25', null],
    ],
  );
});

test('T3 a modern request has headers that repeat its body, and no session', async () => {
  await using stage = await setStage(({ exchange, message }) => answerJson(exchange, resultFor(message)));
  const client = await stage.connect();
  client.send({ id: 1, method: 'tools/call', params: { name: 'größe', arguments: {}, _meta: modernMeta } });
  await client.answerTo(1);
  client.send({ id: 2, method: 'server/discover', params: { _meta: modernMeta } });
  await client.answerTo(2);
  const [call, discover] = stage.seen.map(({ exchange }) => Object.fromEntries(exchange.headers.entries()));
  assert.equal(call?.['mcp-protocol-version'], '2026-07-28');
  assert.equal(call?.['mcp-method'], 'tools/call');
  assert.equal(call?.['mcp-name'], '=?base64?Z3LDtsOfZQ==?=');
  assert.equal(call?.['accept'], 'application/json, text/event-stream');
  assert.equal(call?.['mcp-session-id'], undefined);
  assert.equal(discover?.['mcp-name'], undefined);
  await client.end();
  assert.equal(stage.seen.length, 2);
});

test('T3 arguments that a tool wants as headers are sent as headers, after the list told of them', async () => {
  const tool = {
    name: 'query',
    inputSchema: {
      type: 'object',
      properties: {
        region: { type: 'string', 'x-mcp-header': 'Region' },
        paging: { type: 'object', properties: { limit: { type: 'integer', 'x-mcp-header': 'Limit' } } },
        other: { type: 'string' },
      },
    },
  };
  await using stage = await setStage(async ({ exchange, message }) => {
    if (message['method'] === 'tools/list') {
      return await answerJson(exchange, {
        jsonrpc: '2.0',
        id: message['id'] ?? null,
        result: { tools: [tool] },
      });
    }
    if (exchange.headers.get('mcp-param-region') === null) {
      const error = { code: -32020, message: 'Mcp-Param-Region is missing' };
      return await answerJson(exchange, { jsonrpc: '2.0', id: message['id'] ?? null, error }, {}, 400);
    }
    await answerJson(exchange, resultFor(message));
  });
  const client = await stage.connect();
  const params = {
    name: 'query',
    arguments: { region: ' eu', paging: { limit: 5 }, other: 'x' },
    _meta: modernMeta,
  };
  client.send({ id: 1, method: 'tools/call', params });
  assert.ok((await client.answerTo(1))['result']);
  assert.deepEqual(
    stage.seen.map(({ message }) => message['method']),
    ['tools/call', 'tools/list', 'tools/call'],
  );
  const headers = stage.seen.at(-1)?.exchange.headers;
  assert.equal(headers?.get('mcp-param-region'), '=?base64?IGV1?=');
  assert.equal(headers?.get('mcp-param-limit'), '5');
  assert.equal(headers?.get('mcp-param-other'), null);
});

test('a refusal reaches the client with its reason, whether JSON-RPC or a problem document', async () => {
  await using stage = await setStage(async (seen) => {
    const { exchange, message } = seen;
    if (message['method'] === 'tools/call') {
      const error = { code: 403, message: 'Forbidden by never-environment.', data: { code: 'denied' } };
      return await answerJson(exchange, { jsonrpc: '2.0', id: message['id'] ?? null, error });
    }
    const problem = { status: 403, code: 'certificate_revoked', detail: 'The certificate is revoked.' };
    await answerJson(exchange, problem, { 'content-type': 'application/problem+json' }, 403);
  });
  const client = await stage.connect();
  client.send({ id: 1, method: 'tools/call', params: { name: 'get-env' } });
  client.send({ id: 2, method: 'tools/list' });
  const denied = (await client.answerTo(1))['error'] as JsonObject;
  const revoked = (await client.answerTo(2))['error'] as JsonObject;
  assert.equal(denied['message'], 'Forbidden by never-environment.');
  assert.equal(revoked['message'], 'The certificate is revoked.');
  assert.deepEqual(revoked['data'], { code: 'certificate_revoked', status: 403 });
});

test('T6 garbage on standard input is answered and the bridge stays up', async () => {
  await using stage = await setStage();
  const client = await stage.connect({ limits: { ...quick, lineBytes: 1000 } });
  client.raw('this is not JSON\n');
  client.raw(Uint8Array.of(0x22, 0xff, 0x22, 0x0a));
  client.raw('[]\n{"jsonrpc":"2.0"}\n\r\n  \n');
  client.raw(`{"jsonrpc":"2.0","id":1,"method":"${'x'.repeat(1000)}"}\n`);
  client.send({ id: 2, method: 'tools/list' });
  await client.answerTo(2);
  const errors = client.lines.map(
    (line) => (JSON.parse(line) as JsonObject)['error'] as JsonObject | undefined,
  );
  assert.deepEqual(
    errors.map((error) => error?.['code'] ?? null),
    [-32700, -32700, -32600, -32600, -32600, null],
  );
  assert.equal(stage.seen.length, 1);
});

test('T6 more messages at once than the limit are refused by name', async () => {
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  await using stage = await setStage(async (seen) => {
    await held;
    await answerLegacy(seen);
  });
  const client = await stage.connect({ limits: { ...quick, pendingMessages: 2 } });
  for (const id of [1, 2, 3]) client.send({ id, method: 'tools/list' });
  assert.deepEqual(((await client.answerTo(3))['error'] as JsonObject)['data'], { code: 'limit_reached' });
  client.send({ id: 2, method: 'tools/list' });
  release();
  assert.ok((await client.answerTo(1))['result']);
});

test('an id that is still under way is refused, so that no answer can be taken for another', async () => {
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  await using stage = await setStage(async (seen) => {
    await held;
    await answerLegacy(seen);
  });
  const client = await stage.connect();
  client.send({ id: 1, method: 'tools/list' });
  client.send({ id: 1, method: 'prompts/list' });
  const { error } = await client.answerTo(1);
  assert.deepEqual((error as JsonObject)['data'], { code: 'message_invalid' });
  release();
});

test('requests are under way at once; notifications keep their place', async () => {
  const arrived: string[] = [];
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  await using stage = await setStage(async (seen) => {
    const method = seen.message['method'] as string;
    arrived.push(method);
    if (method === 'a' || method === 'b') await until(() => arrived.includes('a') && arrived.includes('b'));
    if (method === 'notifications/first') await held;
    await answerLegacy(seen);
  });
  const client = await stage.connect();
  client.send({ id: 1, method: 'a' });
  client.send({ id: 2, method: 'b' });
  client.send({ method: 'notifications/first' });
  client.send({ method: 'notifications/second' });
  client.send({ id: 3, method: 'c' });
  await client.answerTo(1);
  await client.answerTo(2);
  await until(() => arrived.includes('notifications/first'));
  assert.ok(!arrived.includes('c') && !arrived.includes('notifications/second'));
  release();
  await client.answerTo(3);
  assert.ok(arrived.indexOf('notifications/second') < arrived.indexOf('c'));
});

test('what a server sends that is not MCP does not reach standard output', async () => {
  await using stage = await setStage(async ({ exchange, message }) => {
    if (message['id'] === 1) return await exchange.respond(200, { 'content-type': 'text/html' }, '<html>');
    if (message['id'] === 2) {
      const stream = exchange.stream(200, eventStream);
      await stream.write(encodeSseEvent({ data: '{"jsonrpc":"1.0"}' }));
      return await stream.end();
    }
    // Broken over lines, with a number that no double can hold, and with the answer of somebody else beside it.
    const stream = exchange.stream(200, eventStream);
    await stream.write(event({ id: 99, result: {} }));
    await stream.write('data: {"jsonrpc":"2.0",\ndata: "id":3,"result":{"n":12345678901234567890}}\n\n');
    await stream.end();
  });
  const client = await stage.connect();
  for (const id of [1, 2, 3]) client.send({ id, method: 'tools/list' });
  assert.deepEqual(((await client.answerTo(1))['error'] as JsonObject)['data'], { code: 'upstream_garbage' });
  assert.deepEqual(((await client.answerTo(2))['error'] as JsonObject)['data'], { code: 'upstream_garbage' });
  await client.answerTo(3);
  assert.ok(client.lines.some((line) => line.includes('12345678901234567890')));
  assert.equal(client.lines.length, 3);
});

test('a batch of 2025-03-26 goes out as it is and its answers come back', async () => {
  await using stage = await setStage(async ({ exchange, message }) => {
    const messages = message as unknown as readonly JsonObject[];
    await exchange.respond(
      200,
      { 'content-type': 'application/json' },
      JSON.stringify(messages.filter(({ id }) => id !== undefined).map(resultFor)),
    );
  });
  const client = await stage.connect();
  client.raw('[{"jsonrpc":"2.0","id":1,"method":"a"},{"jsonrpc":"2.0","id":2,"method":"b"}]\n');
  await until(() => client.lines.length > 0);
  assert.deepEqual(
    (JSON.parse(client.lines[0] ?? '') as JsonObject[]).map(({ id }) => id),
    [1, 2],
  );
});
