import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { createFixtureAuthority } from '../../src/http/tls.fixture.ts';
import { openTown, until } from './deployment.ts';
import { mutualFetch } from './mcp-clients.ts';
import { openHttpServer } from './mcp-servers.ts';
import { call } from './token-town.ts';

test('O5 the token that an agent came with is exchanged for one of the server, stays behind the gateway, and the record says how', async () => {
  await using opened = new AsyncDisposableStack();
  const heard: string[] = [];
  const server = opened.use(
    await openHttpServer((request, response) => {
      heard.push(request.headers.authorization ?? '', JSON.stringify(request.headers));
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end('{"jsonrpc":"2.0","id":1,"result":{"content":[]}}');
      return Promise.resolve();
    }),
  );
  const authority = createFixtureAuthority('Login Root');
  const shown = authority.issue({ commonName: 'login', purpose: 'server' });
  const exchanged: URLSearchParams[] = [];
  let down = false;
  const login = createServer({ cert: shown.certificate, key: shown.key }, (request, response) => {
    let form = '';
    request.on('data', (chunk: Buffer) => (form += chunk.toString()));
    request.once('end', () => {
      exchanged.push(new URLSearchParams(form));
      const issued_token_type = 'urn:ietf:params:oauth:token-type:access_token';
      const token = {
        access_token: 'token-of-billing',
        token_type: 'Bearer',
        expires_in: 60,
        issued_token_type,
      };
      response.writeHead(down ? 503 : 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(down ? {} : token));
    });
  }).listen(0, '127.0.0.1');
  opened.defer(() => {
    login.closeAllConnections();
    login.close();
  });
  await once(login, 'listening');
  const town = opened.use(await openTown());
  const place = (name: string): string => join(town.data.folder, name);
  await writeFile(place('login.pem'), authority.certificate);
  await writeFile(place('secret'), 'secret-of-the-gateway', { mode: 0o600 });
  const issuer = `https://localhost:${(login.address() as AddressInfo).port}`;
  await town.addServer({
    name: 'billing',
    transport: 'http',
    era: 'legacy',
    url: server.url,
    credential: {
      kind: 'exchange',
      server: {
        issuer,
        tokenEndpoint: `${issuer}/token`,
        client: { method: 'secret', id: 'gateway', secret: `file:${place('secret')}` },
        authority: place('login.pem'),
        privateAddresses: true,
      },
      audience: 'billing',
    },
  });
  await town.addAgent('ci-bot');
  await town.permit('permit (principal, action, resource);');
  const agent = await town.issue('ci-bot');
  const fetch = opened.use(mutualFetch(agent));
  const ask = async (token: string | null): Promise<string> => {
    const answered = await fetch(town.endpoint('billing'), {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...(token !== null && { authorization: `Bearer ${token}` }),
      },
      body: '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay","arguments":{}}}',
    });
    const text = await answered.text();
    return answered.status === 200 ? 'made' : (/"code":"(\w+)"/.exec(text)?.[1] ?? text);
  };

  // While the server asks for no token, there is none to exchange, and nothing takes its place.
  assert.equal(await ask(null), 'credential_unobtained');
  assert.equal(await ask('anything'), 'credential_unobtained');
  const before = town.gateway.view.tokenRules();
  await writeFile(join(town.data.policies, 'tokens.yaml'), 'servers:\n  billing: {}\n');
  await until(() => town.gateway.view.tokenRules() !== before && town.gateway.view.tokens() !== null);
  const { json } = await call(
    `${town.authorityUrl}/token`,
    {
      grant_type: 'client_credentials',
      client_id: 'spiffe://example.internal/agent/ci-bot',
      resource: town.endpoint('billing'),
    },
    { as: agent, ca: agent.ca },
  );
  const token = String(json['access_token']);
  down = true;
  assert.equal(await ask(token), 'credential_unobtained');
  assert.equal(heard.length, 0);
  down = false;
  assert.equal(await ask(token), 'made');
  assert.equal(exchanged.at(-1)?.get('subject_token'), token);
  assert.equal(heard[0], 'Bearer token-of-billing');
  const events = await town.events();
  const permitted = events.findLast((event) => event.type === 'call.permitted');
  assert.deepEqual([permitted?.['credential'], permitted?.['server']], ['exchange', 'billing']);
  for (const secret of [token, 'token-of-billing', 'secret-of-the-gateway']) {
    assert.ok(!JSON.stringify(events).includes(secret));
  }
  assert.ok(!heard.some((headers) => headers.includes(token)));
});
