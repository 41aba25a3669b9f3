import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { McpServer as LegacyServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer as ModernServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { openTown, type Town, until } from './deployment.ts';
import { mutualFetch } from './mcp-clients.ts';
import { openHttpServer } from './mcp-servers.ts';
import { program, type Running, start } from './program.ts';
import { type AnyClient, sdkClients, type Way } from './sdk-clients.ts';
import { openBalancer } from './tcp-balancer.ts';

/** How often each call was carried out, by its number. */
type Done = Map<number, number>;

const shape = { number: z.number(), milliseconds: z.number() };

/** Counts a call, tells of its progress in the middle, and answers when it has worked for a while. */
async function work(
  done: Done,
  { number, milliseconds }: { number: number; milliseconds: number },
  progress: () => Promise<void>,
): Promise<{ content: { type: 'text'; text: string }[] }> {
  done.set(number, (done.get(number) ?? 0) + 1);
  await pause(milliseconds / 2);
  await progress();
  await pause(milliseconds / 2);
  return { content: [{ type: 'text', text: `done ${number}` }] };
}

async function openLegacyWork(done: Done) {
  const sessions = new Map<string, StreamableHTTPServerTransport>();
  return await openHttpServer(async (request, response, body) => {
    const id = request.headers['mcp-session-id'];
    let transport = typeof id === 'string' ? sessions.get(id) : undefined;
    if (!transport) {
      const made = new StreamableHTTPServerTransport({
        sessionIdGenerator: () => `work-${sessions.size + 1}`,
        onsessioninitialized: (session) => void sessions.set(session, made),
      });
      const server = new LegacyServer({ name: 'work', version: '1' });
      server.registerTool('work', { inputSchema: shape }, async (input, { _meta, sendNotification }) =>
        work(done, input, async () => {
          const progressToken = _meta?.progressToken;
          if (progressToken === undefined) return;
          await sendNotification({
            method: 'notifications/progress',
            params: { progressToken, progress: 1 },
          });
        }),
      );
      await server.connect(made);
      transport = made;
    }
    await transport.handleRequest(request, response, body);
  });
}

async function openModernWork(done: Done) {
  const handle = toNodeHandler(
    createMcpHandler(() => {
      const server = new ModernServer({ name: 'work', version: '1' });
      server.registerTool('work', { inputSchema: z.object(shape) }, (input) =>
        work(done, input, async () => undefined),
      );
      return server;
    }),
  );
  return await openHttpServer((request, response, body) =>
    handle(request as Parameters<typeof handle>[0], response, body),
  );
}

/** A gateway as a program that enrolled with a join token; started again, it needs none. */
class Edge {
  readonly name: string;
  readonly town: Town;
  readonly state: string;
  running: Running | null = null;

  constructor(name: string, town: Town, folder: string) {
    this.name = name;
    this.town = town;
    this.state = join(folder, name);
  }

  async start(): Promise<{ port: number; opsUrl: string }> {
    const { authority } = this.town.deployment;
    const addresses = { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1', '::1'] };
    const order = { name: this.name, kind: 'gateway', minutes: 5, ...addresses } as const;
    const { token, rootFingerprint } = await authority.createJoinToken(order, 'test');
    const words = [
      'gateway',
      '--authority',
      this.town.authorityUrl,
      '--name',
      this.name,
      '--state',
      this.state,
    ];
    const arrive = ['--ca-fingerprint', rootFingerprint, '--join-token', token];
    const drain = {
      COUNTERSIGN_GATEWAY_DRAIN_ACCEPT_MILLISECONDS: '1500',
      COUNTERSIGN_GATEWAY_DRAIN_GRACE_MILLISECONDS: '30000',
    };
    this.running = await start([...words, '--ports', 'any', ...(this.fresh ? arrive : [])], drain);
    this.fresh = false;
    const { agents = '', ops = '' } = this.running.first.listening;
    return { port: Number(new URL(agents).port), opsUrl: ops };
  }

  async stop(): Promise<number | null> {
    const { running } = this;
    await running?.[Symbol.asyncDispose]();
    return running?.child.exitCode ?? null;
  }

  private fresh = true;
}

test('T3 U8 a rolling restart under load loses no call and makes none twice, of bridges and SDK clients of both eras', async () => {
  const done: Done = new Map();
  await using opened = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'countersign-rolling-'));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  const old = opened.use(await openLegacyWork(done));
  const modern = opened.use(await openModernWork(done));
  const town = opened.use(await openTown());
  await town.addHttpServer('old', old.url);
  await town.addHttpServer('new', modern.url);
  await town.permit('permit (principal, action, resource);');
  const balancer = opened.use(await openBalancer());
  const edges = ['edge-a', 'edge-b'].map((name) => new Edge(name, town, folder));
  for (const edge of edges) {
    opened.defer(async () => void (await edge.stop()));
    balancer.place(edge.name, await edge.start());
  }
  await until(() => balancer.ready.length === 2);

  const endpoint = (server: string): string => `https://localhost:${balancer.port}/mcp${server}`;
  const clients: AnyClient[] = [];
  for (const { name, era, connect } of sdkClients) {
    const agent = `agent-${clients.length}`;
    await town.addAgent(agent);
    const shown = await town.issue(agent);
    const files = join(folder, agent);
    await mkdir(files);
    for (const member of ['cert', 'key', 'ca'] as const)
      await writeFile(join(files, member), shown[member], { mode: 0o600 });
    const fetch = opened.use(mutualFetch(shown));
    const ways: readonly Way[] = [
      {
        kind: 'http',
        url: endpoint(era === 'modern' ? '/new' : '/old'),
        fetch: fetch as typeof globalThis.fetch,
      },
      { kind: 'http', url: endpoint(''), fetch: fetch as typeof globalThis.fetch },
      {
        kind: 'stdio',
        command: 'env',
        args: [
          `MCP_CLIENT_CERT=${join(files, 'cert')}`,
          `MCP_CLIENT_KEY=${join(files, 'key')}`,
          `MCP_CA_CERT=${join(files, 'ca')}`,
          process.execPath,
          program,
          'bridge',
          '--gateway',
          endpoint(era === 'modern' ? '/new' : '/old'),
        ],
      },
    ];
    for (const way of ways) {
      const client = opened.use(
        await connect(way).catch((error: unknown) => {
          throw new Error(`${name} by ${way.kind}`, { cause: error });
        }),
      );
      clients.push(Object.assign(client, { tool: way === ways[1] ? 'old__work' : 'work' }));
    }
  }

  let number = 0;
  const stopping = new AbortController();
  const failures: string[] = [];
  const load = clients.map(async (client, at) => {
    const { tool } = client as AnyClient & { tool: string };
    while (!stopping.signal.aborted) {
      const mine = ++number;
      const args = { number: mine, milliseconds: mine % 10 === 0 ? 3_000 : 20 + (mine % 7) * 20 };
      await client
        .call(tool, { args, onprogress: () => undefined })
        .then((said) => assert.equal(said, `done ${mine}`))
        .catch((error: unknown) => {
          failures.push(`${at}: call ${mine}: ${String(error)}`);
        });
    }
  });
  const before = number;
  for (const edge of edges) {
    await until(() => number > before + 40, undefined, 60_000);
    const ended = await edge.stop();
    assert.equal(ended, 0);
    balancer.place(edge.name, await edge.start());
    await until(() => balancer.ready.length === 2, undefined, 60_000);
  }
  const after = number;
  await until(() => number > after + 40, undefined, 60_000);
  stopping.abort();
  await Promise.all(load);
  assert.deepEqual(failures, []);
  assert.equal(done.size, number);
  assert.deepEqual(
    [...done].filter(([, times]) => times !== 1),
    [],
  );
});

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));
