import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { openTown, type Town, until } from './deployment.ts';
import { mutualFetch } from './mcp-clients.ts';

interface Arrived {
  readonly method: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

const json = { 'content-type': 'application/json' };
const posting = { ...json, accept: 'application/json, text/event-stream' };

/** Streamable HTTP of the session era, revision by revision, in octets: what arrives at the server and what comes back. */
describe('T3 Streamable HTTP passes as it is', () => {
  const opened = new AsyncDisposableStack();
  const arrived: Arrived[] = [];
  let town: Town;
  let fetch: ReturnType<typeof mutualFetch>;
  let answer: (response: ServerResponse, seen: Arrived) => void = () => undefined;

  before(async () => {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.once('end', () => {
        const { method = '', headers } = request;
        const seen = { method, headers, body: Buffer.concat(chunks).toString() };
        arrived.push(seen);
        answer(response, seen);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    opened.defer(() => {
      server.closeAllConnections();
      server.close();
    });
    town = opened.use(await openTown());
    await town.addHttpServer('plain', `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp?a=b`);
    await town.addAgent('ci-bot');
    await town.permit('permit (principal, action, resource);');
    fetch = opened.use(mutualFetch(await town.issue('ci-bot')));
  });
  after(() => opened.disposeAsync());

  const send = (method: string, headers: Record<string, string>, body?: string): Promise<Response> =>
    fetch(town.endpoint('plain'), { method, headers, ...(body !== undefined && { body }) });
  const last = (): Arrived => {
    const seen = arrived.at(-1);
    assert.ok(seen);
    return seen;
  };

  for (const revision of ['2025-03-26', '2025-06-18', '2025-11-25']) {
    test(`${revision}: initialize, 202, JSON, events, the stream of the server, resumption, DELETE`, async () => {
      // 1 initialize opens a session whose id the client never sees.
      answer = (response) => {
        response.writeHead(200, { ...json, 'mcp-session-id': `own-${revision}` });
        response.end(`{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"${revision}"}}`);
      };
      const params = { protocolVersion: revision, capabilities: {}, clientInfo: { name: 'x', version: '1' } };
      const initialize = JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params });
      const opening = await send('POST', posting, initialize);
      assert.equal(opening.status, 200);
      assert.equal(
        await opening.text(),
        `{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"${revision}"}}`,
      );
      assert.equal(last().body, initialize);
      const sealed = opening.headers.get('mcp-session-id') ?? '';
      assert.ok(!sealed.includes('own'));
      const session = { 'mcp-session-id': sealed, 'mcp-protocol-version': revision };

      // 2 What asks for nothing is 202 without a body: notifications, and answers to the server's questions.
      answer = (response) => void response.writeHead(202).end();
      for (const body of [
        '{"jsonrpc":"2.0","method":"notifications/initialized"}',
        '{"jsonrpc":"2.0","id":"asked","result":{"action":"accept"}}',
        '{"jsonrpc":"2.0","id":"asked","error":{"code":-1,"message":"no"}}',
      ]) {
        const accepted = await send('POST', { ...posting, ...session }, body);
        assert.equal(accepted.status, 202);
        assert.equal(await accepted.text(), '');
        assert.equal(last().body, body);
        assert.equal(last().headers['mcp-session-id'], `own-${revision}`);
        assert.equal(last().headers['mcp-protocol-version'], revision);
      }

      // 3 A request, answered as one piece of JSON, digits and order as the server wrote them.
      const result =
        '{"jsonrpc":"2.0","id":1,"result":{"b":1.50,"a":12345678901234567890,"\\u0041":"\\u00e9"}}';
      answer = (response) => void response.writeHead(200, json).end(result);
      const call =
        '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"x":[1,null]}}}';
      const whole = await send('POST', { ...posting, ...session }, call);
      assert.equal(await whole.text(), result);
      assert.equal(last().body, call);

      // 4 The same as events, piece by piece, comments, ids and retry included.
      const events = `: hello\r\nid: 1\r\ndata:\r\n\r\nretry: 20\nid: 2\ndata: {"jsonrpc":"2.0",\ndata: "method":"notifications/progress"}\n\nid: 3\ndata: ${result}\n\n`;
      answer = (response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(events.slice(0, 30));
        setTimeout(() => response.end(events.slice(30)), 20);
      };
      const streamed = await send('POST', { ...posting, ...session }, call);
      assert.equal(streamed.headers.get('content-type'), 'text/event-stream');
      assert.equal(streamed.headers.get('cache-control'), 'no-store');
      assert.equal(await streamed.text(), events);

      // 5 The stream of what belongs to no request, and its resumption.
      const asked =
        '{"jsonrpc":"2.0","id":"asked","method":"elicitation/create","params":{"message":"Go on?"}}';
      answer = (response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.end(`id: 9\ndata: ${asked}\n\n`);
      };
      const listening = { accept: 'text/event-stream', ...session };
      const resumed = await send('GET', { ...listening, 'last-event-id': '8' });
      assert.equal(resumed.status, 200);
      assert.equal(await resumed.text(), `id: 9\ndata: ${asked}\n\n`);
      assert.equal(last().method, 'GET');
      assert.equal(last().headers['last-event-id'], '8');
      assert.equal(last().headers['mcp-session-id'], `own-${revision}`);

      // 6 What the server refuses stays its refusal: no stream, an unknown session.
      answer = (response) => void response.writeHead(405, { allow: 'POST' }).end();
      assert.equal((await send('GET', listening)).status, 405);
      answer = (response) => void response.writeHead(404).end();
      assert.equal((await send('POST', { ...posting, ...session }, call)).status, 404);

      // 7 DELETE ends the session at the server.
      answer = (response) => void response.writeHead(204).end();
      assert.equal((await send('DELETE', session)).status, 204);
      assert.deepEqual([last().method, last().headers['mcp-session-id']], ['DELETE', `own-${revision}`]);

      // 8 Each of them is in the log, before and after.
      const types = (await town.events())
        .filter(({ revision: of }) => of === revision)
        .map(({ type }) => type);
      assert.equal(types.filter((type) => type === 'call.permitted').length, 7);
      await until(() => town.gateway.liveCalls() === 0);
    });
  }

  test('2025-03-26: a batch arrives whole and is answered whole, its list filtered', async () => {
    await town.permit(`
      permit (principal, action in Action::"read", resource);
      permit (principal, action == Action::"tools/call", resource) when { resource.name == "echo" };
    `);
    const headers = { ...posting, 'mcp-protocol-version': '2025-03-26' };
    const batch = JSON.stringify([
      { jsonrpc: '2.0', id: 1, method: 'tools/list' },
      { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 1, progress: 1 } },
      { jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'echo' } },
    ]);
    const tools = [{ name: 'echo' }, { name: 'secret' }];
    answer = (response) =>
      void response.writeHead(200, json).end(
        JSON.stringify([
          { jsonrpc: '2.0', id: 2, result: { content: [] } },
          { jsonrpc: '2.0', id: 1, result: { tools } },
        ]),
      );
    const answered = await send('POST', headers, batch);
    assert.equal(last().body, batch);
    assert.deepEqual(await answered.json(), [
      { jsonrpc: '2.0', id: 2, result: { content: [] } },
      { jsonrpc: '2.0', id: 1, result: { tools: [{ name: 'echo' }] } },
    ]);
    // One message that is not permitted, and nothing of the batch is sent.
    const count = arrived.length;
    const refused = await send('POST', headers, batch.replace('"name":"echo"', '"name":"secret"'));
    const errors = (await refused.json()) as { id: number; error: { data: { code: string } } }[];
    assert.deepEqual(
      errors.map(({ id, error }) => [id, error.data.code]),
      [
        [1, 'denied'],
        [2, 'denied'],
      ],
    );
    assert.equal(arrived.length, count);
  });

  test('law 3 of all headers of a client only those of MCP reach the server, and its answer brings only those back', async () => {
    await town.permit('@id("all") permit (principal, action, resource);');
    answer = (response) => {
      response.writeHead(200, {
        ...json,
        'set-cookie': 'a=b',
        'x-powered-by': 'x',
        server: 'x',
        'www-authenticate': 'Bearer',
      });
      response.end('{"jsonrpc":"2.0","id":1,"result":{}}');
    };
    const secrets = {
      authorization: 'Bearer canary',
      'proxy-authorization': 'Basic canary',
      cookie: 'canary=1',
      'x-api-key': 'canary',
      'api-key': 'canary',
      'x-auth-token': 'canary',
      'x-goog-api-key': 'canary',
      'x-amz-security-token': 'canary',
      dpop: 'canary',
      forwarded: 'for=canary',
      'x-forwarded-for': 'canary',
      'x-real-ip': 'canary',
      'user-agent': 'canary',
      baggage: 'canary=1',
    };
    const ping = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
    const answered = await send('POST', { ...posting, ...secrets }, ping);
    assert.equal(answered.status, 200);
    assert.ok(!JSON.stringify(last().headers).includes('canary'), JSON.stringify(last().headers));
    assert.deepEqual(
      Object.keys(last().headers)
        .filter((name) => !['host', 'content-length', 'connection'].includes(name))
        .sort(),
      ['accept', 'content-type'],
    );
    for (const name of ['set-cookie', 'x-powered-by', 'server', 'www-authenticate']) {
      assert.equal(answered.headers.get(name), null, name);
    }
  });
});
