import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import type { JsonObject } from '../../src/kernel/canonical-json.ts';
import { type CollectedSpan, type Collector, openCollector } from './collector.ts';
import { openTown, type Town, until } from './deployment.ts';
import { mutualFetch } from './mcp-clients.ts';
import { program } from './program.ts';
import { openScriptedServer, type ScriptedServer } from './scripted-server.ts';
import { modernRequest } from './raw-agent.ts';

const parent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00';
const traceId = '0af7651916cd43dd8448eb211c80319c';
const python = join(import.meta.dirname, '../../.python/keys/bin/python');

/** A town that sends its traces to a collector, a server `files` and an agent `alice`. */
async function settled(traced: JsonObject = {}) {
  await using opened = new AsyncDisposableStack();
  const collector = opened.use(await openCollector());
  const server = opened.use(
    await openScriptedServer({
      'tools/call': { content: [], resultType: 'complete' },
      'tools/list': {
        tools: [{ name: 'read', inputSchema: { type: 'object' } }],
        resultType: 'complete',
        ttlMs: 0,
        cacheScope: 'private',
      },
    }),
  );
  const town = opened.use(await openTown({}, { traced: { otlp: { url: collector.url }, ...traced } }));
  await town.addHttpServer('files', server.url);
  await town.addAgent('alice');
  await town.permit('permit (principal, action, resource) unless { resource.name == "write" };');
  const alice = opened.use(mutualFetch(await town.issue('alice')));
  const held = opened.move();
  /** Calls a tool with these members in `_meta`, and these headers. */
  const call = async (
    name: string,
    meta: JsonObject = {},
    headers: Record<string, string> = {},
    endpoint = town.endpoint('files'),
  ): Promise<number> => {
    const made = modernRequest(1, 'tools/call', { name, arguments: { path: 'the-argument' } });
    const body = JSON.parse(made.body) as { params: { _meta: object } };
    Object.assign(body.params._meta, meta);
    const init = { method: 'POST', headers: { ...made.headers, ...headers }, body: JSON.stringify(body) };
    const response = await alice(endpoint, init);
    await response.arrayBuffer();
    return response.status;
  };
  return { collector, server, town, call, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

function serverSpan(collector: Collector): CollectedSpan | undefined {
  return collector.spans().find(({ kind }) => kind === 2);
}

test('U7 a call from a client through bridge and gateway to a server is one trace with the right parents', async () => {
  await using place = await settled();
  const { collector, server, town } = place;
  const folder = await mkdtemp(join(tmpdir(), 'countersign-traced-'));
  try {
    const bridge = await bridgeTo(town, folder, collector);
    const client = new Client(
      { name: 'v2', version: '1' },
      { versionNegotiation: { mode: { pin: '2026-07-28' } } },
    );
    await client.connect(new StdioClientTransport(bridge));
    await client.callTool({ name: 'read', arguments: {}, _meta: { traceparent: parent } });
    await client.close();
    const ofCall = (): readonly CollectedSpan[] =>
      collector.spans().filter((span) => span.traceId === traceId);
    await until(() =>
      ['countersign-bridge', 'countersign'].every((name) => ofCall().some(({ service }) => service === name)),
    );
    await until(() => ofCall().some(({ name }) => name === 'tools/call read'));
    // The bridge has enrolled: what it asked of the authority is told by its door.
    const enrolled = (): CollectedSpan | undefined =>
      collector.spans().find((span) => span.name === 'POST /v1/enrol/');
    await until(() => enrolled() !== undefined);
    assert.equal(enrolled()?.attributes['countersign.listener'], 'authority');
    const named = (name: string): CollectedSpan | undefined => ofCall().find((span) => span.name === name);
    const [own, outer] = [named('tools/call'), named('tools/call read')];
    assert.equal(own?.service, 'countersign-bridge');
    assert.equal(own.parentSpanId, 'b7ad6b7169203331');
    assert.equal(outer?.parentSpanId, own.spanId);
    for (const name of ['countersign.policy', 'countersign.record', 'countersign.upstream']) {
      assert.equal(named(name)?.parentSpanId, outer.spanId, name);
    }
    const asked = server.asked.find(({ method }) => method === 'tools/call')?.params['_meta'] as JsonObject;
    assert.equal(asked['traceparent'], `00-${traceId}-${named('countersign.upstream')?.spanId}-01`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('U7 spans say what was asked by the conventions of MCP, and no argument; a refusal has its code', async () => {
  await using place = await settled();
  const { collector, call } = place;
  await call('read', { traceparent: parent, tracestate: 'a=1' });
  await until(() => serverSpan(collector) !== undefined);
  const { attributes } = serverSpan(collector) ?? {};
  assert.deepEqual(
    { ...attributes, 'countersign.exchange': '' },
    {
      'mcp.method.name': 'tools/call',
      'mcp.protocol.version': '2026-07-28',
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': 'read',
      'network.protocol.name': 'http',
      'countersign.server': 'files',
      'countersign.exchange': '',
      'countersign.agent': 'alice',
      'http.response.status_code': '200',
    },
  );
  await call('write');
  await until(() => collector.spans().some(({ status }) => status.message === 'denied'));
  assert.doesNotMatch(collector.bodies['/v1/traces'].join(), /the-argument/);
});

test('U7 the context of the message goes before that of the headers, which becomes a link; neither is obeyed when malformed', async () => {
  await using place = await settled();
  const { collector, call, server } = place;
  const header = `00-${'c'.repeat(32)}-${'d'.repeat(16)}-01`;
  await call('read', { traceparent: parent }, { traceparent: header });
  await until(() => serverSpan(collector) !== undefined);
  assert.equal(serverSpan(collector)?.traceId, traceId);
  assert.deepEqual(
    serverSpan(collector)?.links.map((link) => link.traceId),
    ['c'.repeat(32)],
  );
  await call('list', { traceparent: 'nonsense', tracestate: 'x' });
  const named = (): CollectedSpan | undefined =>
    collector.spans().find(({ name }) => name === 'tools/call list');
  await until(() => named() !== undefined);
  assert.equal(named()?.parentSpanId, undefined);
  const meta = metaOf(server);
  assert.match(JSON.stringify(meta['traceparent']), new RegExp(`^"00-${named()?.traceId}-`));
  assert.equal(meta['tracestate'], undefined, 'what is wrong is not passed on');
});

test('U7 what each of all servers is asked is part of the trace that the agent asked in', async () => {
  await using place = await settled();
  const { collector, call, town } = place;
  await call('files__read', { traceparent: parent }, {}, `${town.gateway.agents.url}/mcp`);
  const asked = (): CollectedSpan | undefined =>
    collector.spans().find(({ name }) => name === 'tools/call read');
  await until(() => asked() !== undefined);
  assert.deepEqual([asked()?.traceId, asked()?.parentSpanId], [traceId, 'b7ad6b7169203331']);
});

test('U7 a collector that is away, refuses or never answers fails no call, and what it missed is counted', async () => {
  await using place = await settled();
  const { collector, call, town } = place;
  const metrics = async (): Promise<string> =>
    await (await fetch(`${town.deployment.listeners['ops']?.url}/metrics`)).text();
  for (const status of [503, 0]) {
    collector.answer(status);
    assert.equal(await call('read'), 200);
    assert.equal(await call('read'), 200);
  }
  let told = '';
  while (!/^countersign_spans_dropped_total [1-9]/m.test(told)) told = await metrics();
  assert.match(told, /^countersign_check_failing\{check="traces",weight="told"\} 1$/m);
  assert.match(told, /^countersign_ready 1$/m);
});

test('U7 nothing is traced unless a collector is named: what a client says of its trace passes as it came', async () => {
  await using town = await openTown();
  await using server = await openScriptedServer({ 'tools/call': { content: [], resultType: 'complete' } });
  await town.addHttpServer('files', server.url);
  await town.addAgent('alice');
  await town.permit('permit (principal, action, resource);');
  await using alice = mutualFetch(await town.issue('alice'));
  const made = modernRequest(1, 'tools/call', { name: 'read', arguments: {} });
  const body = made.body.replace('"_meta":{', `"_meta":{"traceparent":"${parent}",`);
  const response = await alice(town.endpoint('files'), { method: 'POST', headers: made.headers, body });
  assert.equal(response.status, 200);
  assert.equal(metaOf(server)['traceparent'], parent);
});

test('U7 what is sent is read by the messages of OpenTelemetry, traces and metrics', {
  skip: existsSync(python)
    ? false
    : 'opentelemetry-proto is not installed here; `npm run python` installs it',
}, async () => {
  await using place = await settled({});
  const { collector, call } = place;
  await using pushing = await settled({ otlp: { url: collector.url, metricsSeconds: 1 } });
  await pushing.call('read');
  await call(
    'read',
    { traceparent: parent, tracestate: 'a=1' },
    { traceparent: `00-${'c'.repeat(32)}-${'d'.repeat(16)}-01` },
  );
  await until(() => serverSpan(collector) !== undefined);
  await until(() =>
    collector.bodies['/v1/metrics'].some((body) => body.includes('mcp.server.operation.duration')),
  );
  for (const kind of ['traces', 'metrics'] as const) {
    const script = join(import.meta.dirname, '../interop/traces_read.py');
    const input = collector.bodies[`/v1/${kind}`].join('\n');
    const read = spawnSync(python, [script, kind], { input, encoding: 'utf8' });
    assert.equal(read.status, 0, read.stderr);
    assert.ok(Number(read.stdout) > 3, read.stdout);
  }
});

/** The `_meta` of what was asked last. */
function metaOf(server: ScriptedServer): JsonObject {
  const meta = server.asked.at(-1)?.params['_meta'];
  assert.ok(meta);
  return meta as JsonObject;
}

async function bridgeTo(town: Town, state: string, { url }: Collector) {
  const { authority } = town.deployment;
  const order = { name: 'alice', kind: 'agent', dnsNames: [], ipAddresses: [], minutes: 5 } as const;
  const { token } = await authority.createJoinToken(order, 'test');
  const { rootFingerprint } = authority.describe();
  const gateway = ['--gateway', town.endpoint('files'), '--authority', town.authorityUrl, '--agent', 'alice'];
  const identity = ['--ca-fingerprint', rootFingerprint, '--state', state, '--join-token', token];
  const args = [program, 'bridge', ...gateway, ...identity, '--traces-to', url];
  return { command: process.execPath, args, stderr: 'pipe' as const };
}
