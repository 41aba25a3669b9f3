import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startBridge } from '../../src/bridge/bridge.ts';
import { acceptSignature } from '../../src/http/signatures/call-signature.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { openTown, type Town, until } from './deployment.ts';
import { legacyClient, modernClient, textOf } from './mcp-clients.ts';
import { type Handle, type HttpServer, openHttpServer } from './mcp-servers.ts';
import { signingAgent } from './signing-agent.ts';

let town: Town;
let server: HttpServer;
/** The calls of tools that reached the server. */
const heard: string[] = [];
const opened = new AsyncDisposableStack();
const call = (id: number, name = 'pay'): string =>
  JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: { sum: 5 } } });

/** A server of both eras, without sessions. */
const answer: Handle = (request, response, body) => {
  const { id, method } = (body ?? {}) as { id?: number; method?: string };
  if (request.method !== 'POST') response.writeHead(405).end();
  else if (id === undefined) response.writeHead(202).end();
  else {
    if (method === 'tools/call') heard.push(JSON.stringify(body));
    const result = { ...results[method ?? ''], resultType: 'complete' };
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result }));
  }
  return Promise.resolve();
};

const results: Readonly<Record<string, object>> = {
  initialize: {
    protocolVersion: '2025-11-25',
    capabilities: { tools: {} },
    serverInfo: { name: 'billing', version: '1' },
  },
  'server/discover': {
    supportedVersions: ['2026-07-28'],
    capabilities: { tools: {} },
    serverInfo: { name: 'billing', version: '1' },
  },
  'tools/list': {
    tools: [{ name: 'pay', inputSchema: { type: 'object' } }],
    ttlMs: 0,
    cacheScope: 'private',
  },
  'tools/call': { content: [{ type: 'text', text: 'paid' }] },
};

before(async () => {
  server = opened.use(await openHttpServer(answer));
  town = opened.use(await openTown());
  for (const name of ['billing', 'files']) await town.addHttpServer(name, server.url);
  for (const name of ['ci-bot', 'other']) await town.addAgent(name);
  await town.permit('permit (principal, action, resource);');
  await writeFile(join(town.data.policies, 'signed-calls.yaml'), 'required: [billing]\n');
  await until(() => town.gateway.view.signingServers().has('billing'));
});

after(() => opened.disposeAsync());

test('O9 a call that is not signed is refused, told how to be, recorded, and reaches no server', async () => {
  await using agent = signingAgent(await town.issue('ci-bot'));
  const before = heard.length;
  const { headers } = agent.sign({ url: town.endpoint('billing'), method: 'POST', body: call(1) });
  const plain = { 'content-type': headers['content-type'] ?? '', accept: headers['accept'] ?? '' };
  const answered = await agent.send({
    url: town.endpoint('billing'),
    method: 'POST',
    headers: plain,
    body: call(1),
  });
  assert.deepEqual([answered.status, answered.code], [403, 'call_unsigned']);
  assert.equal(answered.headers.get('accept-signature'), acceptSignature());
  assert.equal(heard.length, before);
  const refused = (await town.events()).find((event) => event.type === 'call.refused');
  assert.deepEqual(
    [refused?.['code'], refused?.['agent'], refused?.['server']],
    ['call_unsigned', 'ci-bot', 'billing'],
  );
  // A long one is read to its end, so that whoever writes it hears the answer.
  const long = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'ping',
    params: { note: 'x'.repeat(3_000_000) },
  });
  const heardOf = await agent.send({
    url: town.endpoint('billing'),
    method: 'POST',
    headers: plain,
    body: long,
  });
  assert.deepEqual([heardOf.code, heardOf.headers.get('connection')], ['call_unsigned', 'keep-alive']);
  // A server that does not ask is called as before.
  const other = await agent.send({
    url: town.endpoint('files'),
    method: 'POST',
    headers: plain,
    body: call(2),
  });
  assert.equal(other.status, 200);
  const permitted = (await town.events()).filter((event) => event.type === 'call.permitted').at(-1);
  assert.deepEqual([permitted?.['server'], 'signature' in (permitted ?? {})], ['files', false]);
});

test('O9 a signed call is taken once, from its own connection, as it was signed, and its signature is kept', async () => {
  await using agent = signingAgent(await town.issue('ci-bot'));
  await using other = signingAgent(await town.issue('other'));
  const url = town.endpoint('billing');
  const signed = agent.sign({ url, method: 'POST', body: call(3) });
  const before = heard.length;
  const attacks = {
    'another body': { ...signed, body: call(3, 'refund') },
    'another target': { ...signed, url: `${url}?x=1` },
    'an old protocol': { ...signed, headers: { ...signed.headers, 'mcp-protocol-version': '2025-03-26' } },
  };
  for (const [what, attack] of Object.entries(attacks)) {
    const { status, code } = await agent.send(attack);
    assert.deepEqual([status, code], [403, 'call_signature_refused'], what);
  }
  assert.equal((await other.send(signed)).code, 'call_signature_refused');
  assert.equal(
    (await agent.send(agent.sign({ url, method: 'POST', body: call(3) }, { thumbprint: other.thumbprint })))
      .code,
    'call_signature_refused',
  );
  assert.equal(heard.length, before);
  assert.equal((await agent.send(signed)).status, 200);
  assert.equal((await agent.send(signed)).code, 'call_replayed');
  await using again = signingAgent(await town.issue('ci-bot'));
  assert.equal((await again.send(signed)).code, 'call_signature_refused');
  assert.equal(heard.length, before + 1);

  const events = await town.events();
  const at = events.findLastIndex(
    (event) => event.type === 'call.permitted' && event['server'] === 'billing',
  );
  const signature = events[at]?.['signature'] as { base: string; contentDigest: string; value: string };
  assert.equal(signature.contentDigest, signed.headers['content-digest']);
  assert.equal(`call=:${signature.value}:`, signed.headers['signature']);
  assert.ok(signature.base.includes(`"@target-uri": ${url}\n`));
  const signer = events.findIndex(
    (event) => event['thumbprint'] === agent.thumbprint && event.type === 'call.signer',
  );
  assert.ok(signer !== -1 && signer < at);
});

test('O9 the bridge signs once it is asked to, every call with a nonce of its own, for clients of both eras', async () => {
  const shown = await town.issue('ci-bot');
  const files = { MCP_CLIENT_CERT: 'cert.pem', MCP_CLIENT_KEY: 'key.pem', MCP_CA_CERT: 'ca.pem' };
  const contents = { MCP_CLIENT_CERT: shown.cert, MCP_CLIENT_KEY: shown.key, MCP_CA_CERT: shown.ca };
  const environment: Record<string, string> = {};
  for (const [name, file] of Object.entries(files)) {
    environment[name] = join(town.data.folder, file);
    await writeFile(environment[name], contents[name as keyof typeof contents], { mode: 0o600 });
  }
  await using bridge = await startBridge({
    gateway: town.endpoint('billing'),
    authority: null,
    agent: 'ci-bot',
    joinToken: null,
    authorityFile: null,
    rootFingerprint: null,
    stateFolder: null,
    environment,
    face: { kind: 'http', port: 0 },
    clock: systemClock,
    log: () => undefined,
  });
  assert.ok(bridge.face.kind === 'http');
  const unsigned = async (): Promise<number> =>
    (await town.events()).filter(({ code }) => code === 'call_unsigned').length;
  const before = await unsigned();
  const old = await legacyClient(bridge.face.url, fetch);
  for (let count = 0; count < 3; count++) {
    assert.equal(textOf(await old.callTool({ name: 'pay', arguments: {} })), 'paid');
  }
  await old.close();
  const modern = await modernClient(bridge.face.url, fetch);
  assert.equal(textOf(await modern.callTool({ name: 'pay', arguments: {} })), 'paid');
  await modern.close();
  assert.equal(await unsigned(), before + 1);
});

test('O9 at the endpoint of all servers one signature of the whole stands for what is asked of each', async () => {
  await using agent = signingAgent(await town.issue('ci-bot'));
  const url = `${town.gateway.agents.url}/mcp`;
  const request = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta: modernMeta } };
  const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/list' };
  const signed = agent.sign({ url, method: 'POST', body: JSON.stringify(request), headers });
  const { signature: _removed, ...unsigned } = signed.headers;
  assert.equal((await agent.send({ ...signed, headers: unsigned })).code, 'call_signature_refused');
  const { 'signature-input': _also, ...bare } = unsigned;
  assert.equal((await agent.send({ ...signed, headers: bare })).code, 'call_unsigned');
  const answered = await agent.send(signed);
  assert.equal(answered.status, 200);
  assert.ok(answered.text.includes('billing'), answered.text);
  const parts = (await town.events()).filter(
    (event) =>
      event.type === 'call.permitted' && JSON.stringify(event['signature'] ?? null).includes(`${url}\\n`),
  );
  assert.ok(parts.length > 0 && parts.every((event) => event['server'] === 'billing'));
  assert.equal((await agent.send(signed)).code, 'call_replayed');
});

const modernMeta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
};
