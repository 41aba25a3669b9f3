import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../kernel/clock.ts';
import { createUpstream } from '../create-upstream.ts';
import { jsonOf, post } from '../inbound.fixture.ts';
import { readServerDefinition } from '../server-definition.ts';
import { authority, openOldServer, say } from '../sse-server.fixture.ts';
import type { Upstream } from '../upstream.ts';

/** An authorization server that gives every token asked for a number. */
async function openTokenServer(): Promise<
  AsyncDisposable & { readonly issuer: string; readonly ca: string; readonly asked: URLSearchParams[] }
> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-sse-'));
  const ca = join(folder, 'root.pem');
  await writeFile(ca, authority.certificate);
  const asked: URLSearchParams[] = [];
  const shown = authority.issue({ commonName: 'localhost', purpose: 'server' });
  const server = createServer({ cert: shown.certificate, key: shown.key }, (request, response) => {
    let form = '';
    request.on('data', (chunk: Buffer) => (form += chunk.toString()));
    request.once('end', () => {
      asked.push(new URLSearchParams(form));
      response.writeHead(200, { 'content-type': 'application/json' });
      const issued_token_type = 'urn:ietf:params:oauth:token-type:access_token';
      response.end(
        JSON.stringify({
          access_token: `token-${asked.length}`,
          token_type: 'Bearer',
          expires_in: 60,
          issued_token_type,
        }),
      );
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    issuer: `https://localhost:${(server.address() as AddressInfo).port}`,
    ca,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await rm(folder, { recursive: true });
    },
  };
}

async function session(upstream: Upstream, caller: string, subjectToken: string): Promise<string> {
  const initialize = { jsonrpc: '2.0', id: 'i', method: 'initialize', params: {} };
  const response = await upstream.send({ ...post('legacy', initialize, { caller }), subjectToken });
  await jsonOf(response);
  return response.headers['mcp-session-id'] ?? '';
}

test('O5 a server of HTTP+SSE gets a token that is obtained for each caller, on its stream and with every message', async () => {
  await using login = await openTokenServer();
  const opened: string[] = [];
  let refuse = '';
  await using server = await openOldServer({
    take(message, stream, response) {
      if (server.posted.at(-1)?.headers.authorization === refuse) response.writeHead(401).end();
      else if (message['id'] !== undefined) say(stream, { id: message['id'], result: { tools: [] } });
    },
  });
  const definition = readServerDefinition({
    name: 'old',
    transport: 'sse',
    url: server.url,
    credential: {
      kind: 'exchange',
      server: {
        issuer: login.issuer,
        tokenEndpoint: `${login.issuer}/token`,
        client: { method: 'secret', id: 'gateway', secret: 'env:AS_SECRET' },
        authority: login.ca,
        privateAddresses: true,
      },
    },
  });
  await using upstream = createUpstream(definition, {
    clock: systemClock,
    identity: () => ({ certificate: '', key: '' }),
    environment: { AS_SECRET: 'secret-of-the-gateway' },
    log: (line) => opened.push(line),
  });
  const list = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} };
  const ask = async (caller: string, subjectToken: string, id: string): Promise<void> => {
    const headers = { 'mcp-session-id': id };
    const answer = await upstream.send({ ...post('legacy', list, { caller, headers }), subjectToken });
    assert.deepEqual((await jsonOf(answer))['result'], { tools: [] });
  };

  const ann = await session(upstream, 'agent/a ann', 'subject-of-ann');
  await ask('agent/a ann', 'subject-of-ann', ann);
  assert.deepEqual(
    login.asked.map((form) => form.get('subject_token')),
    ['subject-of-ann'],
  );
  const bob = await session(upstream, 'agent/a bob', 'subject-of-bob');
  await ask('agent/a bob', 'subject-of-bob', bob);
  assert.deepEqual(
    new Set(server.posted.map(({ headers }) => headers.authorization)),
    new Set(['Bearer token-1', 'Bearer token-2']),
  );
  // RFC 6750 §3.1: a token that was not taken is replaced once.
  refuse = 'Bearer token-2';
  await ask('agent/a bob', 'subject-of-bob', bob);
  assert.equal(server.posted.at(-1)?.headers.authorization, 'Bearer token-3');
  assert.ok(!JSON.stringify(server.posted).includes('subject-of'));
});
