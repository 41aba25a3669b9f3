import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ResponseStream } from '../http/exchange.ts';
import type { JsonObject } from '../kernel/canonical-json.ts';
import { encodeSseEvent } from '../mcp/sse.ts';
import {
  answerJson,
  answerLegacy,
  modernMeta,
  openSession,
  resultFor,
  setStage,
  type Stage,
  until,
} from './bridge.fixture.ts';

const eventStream = { 'content-type': 'text/event-stream' };

function event(message: JsonObject, id: string | null = null): string {
  return encodeSseEvent({ id, data: JSON.stringify({ jsonrpc: '2.0', ...message }) });
}

/** Answers the one method with `answer`, the rest as the plain legacy server does. */
function whenAsked(method: string, answer: Stage['answer']): Stage['answer'] {
  return (seen) => (seen.message['method'] === method ? answer(seen) : answerLegacy(seen));
}

test('T3 progress and server requests of a stream come in their order before the answer', async () => {
  await using stage = await setStage(
    whenAsked('tools/call', async ({ exchange, message }) => {
      const stream = exchange.stream(200, eventStream);
      await stream.write(event({ method: 'notifications/progress', params: { progress: 1 } }));
      await stream.write(event({ id: 's1', method: 'sampling/createMessage', params: {} }));
      await until(() => stage.seen.some((seen) => seen.message['result'] !== undefined));
      await stream.write(event({ id: message['id'] ?? null, result: { content: [] } }));
      await stream.end();
    }),
  );
  const client = await stage.connect();
  await openSession(client);
  client.send({ id: 7, method: 'tools/call', params: { name: 'ask' } });
  await client.next((message) => message['method'] === 'sampling/createMessage');
  client.send({ id: 's1', result: { role: 'assistant' } });
  await client.answerTo(7);
  const after = client.lines.slice(1).map((line) => (JSON.parse(line) as JsonObject)['method'] ?? 'answer');
  assert.deepEqual(after, ['notifications/progress', 'sampling/createMessage', 'answer']);
  const response = stage.seen.find((seen) => seen.message['result'] !== undefined);
  assert.equal(response?.exchange.headers.get('mcp-session-id'), 'session-1');
});

test('T3 the stream of what belongs to no request is followed, and resumed after a break', async () => {
  const opened: (string | null)[] = [];
  let received: readonly string[] = [];
  await using stage = await setStage(async (seen) => {
    const { exchange } = seen;
    if (exchange.method !== 'GET') return await answerLegacy(seen);
    opened.push(exchange.headers.get('last-event-id'));
    const stream = exchange.stream(200, eventStream);
    await stream.write(event({ method: `notifications/news/${opened.length}` }, `e${opened.length}`));
    if (opened.length === 1) return await stream.end();
    if (opened.length === 2) {
      await until(() => received.some((line) => line.includes('notifications/news/2')));
      return stream.abort();
    }
    await new Promise((resolve) => {
      exchange.closed.addEventListener('abort', resolve);
    });
  });
  const client = await stage.connect();
  received = client.lines;
  await openSession(client);
  await client.next((message) => message['method'] === 'notifications/news/3');
  assert.deepEqual(opened, [null, 'e1', 'e2']);
});

test('I7 a stream that was refused for a while is opened again once calls are accepted again', async () => {
  let refusing = false;
  let opened = 0;
  let cut = (): void => undefined;
  await using stage = await setStage(async (seen) => {
    const { exchange } = seen;
    if (refusing) {
      const problem = { status: 403, code: 'agent_inactive', detail: 'The agent is suspended.' };
      return await answerJson(exchange, problem, {}, 403);
    }
    if (exchange.method !== 'GET') return await answerLegacy(seen);
    opened++;
    const stream = exchange.stream(200, eventStream);
    await stream.write(event({ method: `notifications/news/${opened}` }));
    await new Promise<void>((resolve) => {
      cut = resolve;
      exchange.closed.addEventListener('abort', () => resolve());
    });
    stream.abort();
  });
  const client = await stage.connect();
  await openSession(client);
  await client.next((message) => message['method'] === 'notifications/news/1');
  refusing = true;
  cut();
  await until(() => stage.seen.filter(({ exchange }) => exchange.method === 'GET').length === 2);
  client.send({ id: 1, method: 'tools/list' });
  assert.ok((await client.answerTo(1))['error']);
  refusing = false;
  const isBack = (): boolean => opened === 2;
  for (let id = 2; !isBack(); id++) {
    client.send({ id, method: 'tools/list' });
    await client.answerTo(id);
  }
  await client.next((message) => message['method'] === 'notifications/news/2');
});

test('T3 a legacy answer whose stream breaks is fetched by its last event', async () => {
  await using stage = await setStage(async (seen) => {
    const { exchange, message } = seen;
    const last = exchange.headers.get('last-event-id');
    if (last !== null) {
      const stream = exchange.stream(200, eventStream);
      await stream.write(event({ id: 9, result: { after: last } }, 'e2'));
      return await stream.end();
    }
    if (message['method'] !== 'tools/call') return await answerLegacy(seen);
    const stream = exchange.stream(200, eventStream);
    // MCP 2025-11-25: an event with an id and no data primes the client for coming back.
    await stream.write(encodeSseEvent({ id: 'e1', data: '', retry: 1 }));
    await stream.end();
  });
  const client = await stage.connect();
  await openSession(client);
  client.send({ id: 9, method: 'tools/call', params: { name: 'slow' } });
  assert.deepEqual((await client.answerTo(9))['result'], { after: 'e1' });
});

test('T3 a modern answer that breaks off is an error and is not repeated', async () => {
  await using stage = await setStage(async ({ exchange }) => {
    const stream = exchange.stream(200, eventStream);
    await stream.write(event({ method: 'notifications/progress', params: {} }, 'e1'));
    await until(() => received.length > 0);
    stream.abort();
  });
  let received: readonly string[] = [];
  const client = await stage.connect();
  received = client.lines;
  client.send({ id: 1, method: 'tools/call', params: { name: 'pay', _meta: modernMeta } });
  const { error } = await client.answerTo(1);
  assert.deepEqual((error as JsonObject)['data'], { code: 'upstream_failed' });
  assert.equal(stage.seen.length, 1);
});

test('T3 cancelling a modern request closes its stream and posts nothing', async () => {
  let closed = false;
  await using stage = await setStage(async ({ exchange }) => {
    const stream = exchange.stream(200, eventStream);
    await stream.write(event({ method: 'notifications/progress', params: {} }));
    await new Promise((resolve) => {
      exchange.closed.addEventListener('abort', resolve);
    });
    closed = true;
  });
  const client = await stage.connect();
  client.send({ id: 1, method: 'tools/call', params: { name: 'slow', _meta: modernMeta } });
  await client.next((message) => message['method'] === 'notifications/progress');
  client.send({ method: 'notifications/cancelled', params: { requestId: 1 } });
  await until(() => closed);
  await client.end();
  assert.equal(stage.seen.length, 1);
  assert.equal(client.lines.length, 1);
});

test('T3 cancelling a legacy request tells the server, and its late answer is dropped', async () => {
  let streaming: ResponseStream | null = null;
  await using stage = await setStage(async (seen) => {
    const { exchange, message } = seen;
    if (message['method'] === 'notifications/cancelled') {
      await streaming?.write(event({ id: 1, result: {} }));
      return await exchange.respond(202, {});
    }
    if (message['method'] !== 'tools/call') return await answerLegacy(seen);
    streaming = exchange.stream(200, eventStream);
    await streaming.write(event({ method: 'notifications/progress', params: {} }));
    await new Promise((resolve) => {
      exchange.closed.addEventListener('abort', resolve);
    });
  });
  const client = await stage.connect();
  await openSession(client);
  client.send({ id: 1, method: 'tools/call', params: { name: 'slow' } });
  await client.next((message) => message['method'] === 'notifications/progress');
  client.send({ method: 'notifications/cancelled', params: { requestId: 1 } });
  await until(() => stage.seen.some(({ message }) => message['method'] === 'notifications/cancelled'));
  await client.end();
  assert.equal(client.lines.filter((line) => (JSON.parse(line) as JsonObject)['id'] === 1).length, 0);
});

test('T3 a session that the server has forgotten is opened anew, and the call is made once', async () => {
  const sessions = new Set<string>();
  let called = 0;
  await using stage = await setStage(async (seen) => {
    const { exchange, message } = seen;
    if (message['method'] === 'initialize') {
      const session = `session-${stage.seen.length}`;
      sessions.add(session);
      return await answerJson(exchange, resultFor(message), { 'mcp-session-id': session });
    }
    if (!sessions.has(exchange.headers.get('mcp-session-id') ?? '')) {
      // The second call hears of the end when the session is open again already.
      if (message['id'] === 2) await until(() => sessions.size > 0);
      const error = { code: -32001, message: 'Session not found', data: { code: 'session_unknown' } };
      return await answerJson(exchange, { jsonrpc: '2.0', id: message['id'] ?? null, error }, {}, 404);
    }
    if (message['method'] === 'tools/call') called++;
    await answerLegacy(seen);
  });
  const client = await stage.connect();
  await openSession(client);
  await until(() => stage.seen.length >= 3);
  sessions.clear();
  client.send({ id: 1, method: 'tools/call', params: { name: 'a' } });
  client.send({ id: 2, method: 'tools/call', params: { name: 'b' } });
  assert.ok((await client.answerTo(1))['result']);
  assert.ok((await client.answerTo(2))['result']);
  assert.equal(called, 2);
  assert.equal(sessions.size, 1);
  assert.ok(client.lines.every((line) => !line.includes('countersign-bridge')));
});

test('a server that is unknown is not taken for a session that ended', async () => {
  await using stage = await setStage(
    whenAsked('tools/list', async ({ exchange, message }) => {
      const error = { code: 404, message: 'No MCP server of that name.', data: { code: 'server_unknown' } };
      await answerJson(exchange, { jsonrpc: '2.0', id: message['id'] ?? null, error }, {}, 404);
    }),
  );
  const client = await stage.connect();
  await openSession(client);
  client.send({ id: 1, method: 'tools/list' });
  const { error } = await client.answerTo(1);
  assert.deepEqual((error as JsonObject)['data'], { code: 'server_unknown' });
  assert.equal(stage.seen.filter(({ message }) => message['method'] === 'initialize').length, 1);
});

test('the end of input lets calls in flight end, and ends a subscription', async () => {
  await using stage = await setStage(async ({ exchange, message }) => {
    if (message['method'] === 'subscriptions/listen') {
      const stream = exchange.stream(200, eventStream);
      await stream.write(event({ method: 'notifications/subscriptions/acknowledged', params: {} }));
      return await new Promise<void>((resolve) => {
        exchange.closed.addEventListener('abort', () => resolve());
      });
    }
    await until(() => ended);
    await answerJson(exchange, resultFor(message));
  });
  let ended = false;
  const client = await stage.connect();
  client.send({ id: 'sub', method: 'subscriptions/listen', params: { _meta: modernMeta } });
  await client.next((message) => message['method'] === 'notifications/subscriptions/acknowledged');
  client.send({ id: 1, method: 'tools/call', params: { name: 'x', _meta: modernMeta } });
  await until(() => stage.seen.length === 2);
  const code = client.end();
  ended = true;
  assert.equal(await code, 0);
  assert.ok((await client.answerTo(1))['result']);
});

test('T3 U8 a subscription whose stream ends without a response is renewed, and the client hears only that its lists may have changed', async () => {
  let opened = 0;
  const acknowledged = 'notifications/subscriptions/acknowledged';
  await using stage = await setStage(async ({ exchange, message }) => {
    if (message['method'] !== 'subscriptions/listen') return await answerJson(exchange, resultFor(message));
    opened += 1;
    // The gateway is away for a moment, and then another one is there.
    if (opened === 2) return await exchange.respond(503, {});
    const stream = exchange.stream(200, eventStream);
    await stream.write(event({ method: acknowledged, params: {} }));
    if (opened === 1) return await stream.end();
    await stream.write(event({ method: 'notifications/tools/list_changed', params: { at: 'the other' } }));
    await stream.write(event({ id: 'sub', result: { resultType: 'complete' } }));
    await stream.end();
  });
  const client = await stage.connect();
  const notifications = { toolsListChanged: true };
  client.send({ id: 'sub', method: 'subscriptions/listen', params: { notifications, _meta: modernMeta } });
  assert.ok((await client.answerTo('sub'))['result']);
  const said = client.lines.map((line) => JSON.parse(line) as JsonObject);
  assert.deepEqual(
    said.map(({ method, id }) => method ?? id),
    [acknowledged, 'notifications/tools/list_changed', 'notifications/tools/list_changed', 'sub'],
  );
  assert.equal(opened, 3);
});
