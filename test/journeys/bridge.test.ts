import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Client as ModernClient } from '@modelcontextprotocol/client';
import { StdioClientTransport as ModernStdio } from '@modelcontextprotocol/client/stdio';
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as LegacyStdio } from '@modelcontextprotocol/sdk/client/stdio.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { openTown, type Town } from './deployment.ts';
import { textOf } from './mcp-clients.ts';
import { openLegacyServer, openModernServer } from './mcp-servers.ts';
import { program, run } from './program.ts';

const policy = `
permit (principal, action in Action::"read", resource);
permit (principal, action == Action::"tools/call", resource) unless { resource.name == "secret" };
`;

interface Place extends AsyncDisposable {
  readonly town: Town;
  readonly state: string;
  /** How an MCP client starts the bridge to a server; a token only for the first start. */
  bridgeTo(server: string, token?: string): { command: string; args: string[]; stderr: 'pipe' };
  newToken(): Promise<string>;
}

async function open(): Promise<Place> {
  await using opened = new AsyncDisposableStack();
  const old = opened.use(await openLegacyServer());
  const modern = opened.use(await openModernServer());
  const town = opened.use(await openTown());
  await town.addHttpServer('old', old.url);
  await town.addHttpServer('modern', modern.url);
  await town.addAgent('ci-bot');
  await town.permit(policy);
  const state = await mkdtemp(join(tmpdir(), 'countersign-bridge-'));
  for (const folder of [state, `${state}-2`]) {
    opened.defer(() => rm(folder, { recursive: true, force: true }));
  }
  const { rootFingerprint } = town.deployment.authority.describe();
  const held = opened.move();
  return {
    town,
    state,
    bridgeTo: (server, token) => ({
      command: process.execPath,
      args: [
        program,
        'bridge',
        '--gateway',
        town.endpoint(server),
        '--authority',
        town.authorityUrl,
        '--agent',
        'ci-bot',
        '--ca-fingerprint',
        rootFingerprint,
        '--state',
        state,
        ...(token === undefined ? [] : ['--join-token', token]),
      ],
      stderr: 'pipe',
    }),
    async newToken() {
      const order = { name: 'ci-bot', kind: 'agent', dnsNames: [], ipAddresses: [], minutes: 5 } as const;
      return (await town.deployment.authority.createJoinToken(order, 'test')).token;
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

test('U2 I3 SDK 1.x over stdio: first start with a join token, then without; calls, requests of the server, refusals', async () => {
  await using place = await open();
  const token = await place.newToken();
  for (const shown of [token, undefined]) {
    const client = new LegacyClient({ name: 'v1', version: '1' }, { capabilities: { elicitation: {} } });
    client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: {} }));
    await client.connect(new LegacyStdio(place.bridgeTo('old', shown)));
    const { tools } = await client.listTools();
    assert.deepEqual(tools.map(({ name }) => name).sort(), ['ask', 'count', 'echo', 'grow', 'hang']);
    assert.equal(textOf(await client.callTool({ name: 'echo', arguments: { message: 'hi' } })), 'legacy hi');
    assert.equal(textOf(await client.callTool({ name: 'ask', arguments: {} })), 'accept');
    await client.close();
  }
  for (const name of await readdir(place.state, { recursive: true })) {
    const { mode } = await stat(join(place.state, name));
    assert.equal(mode & 0o077, 0, `${name} is the owner's alone`);
  }
  const words = place.bridgeTo('old', token).args.slice(1);
  const used = await run(words.map((word) => (word === place.state ? `${word}-2` : word)));
  assert.equal(used.code, 3);
  assert.equal(used.stdout, '');
  assert.match(used.stderr, /join token/i);
});

test('U2 SDK 2.x over stdio speaks 2026-07-28 to a modern server, and the refusal says why', async () => {
  await using place = await open();
  const client = new ModernClient(
    { name: 'v2', version: '1' },
    { versionNegotiation: { mode: { pin: '2026-07-28' } } },
  );
  await client.connect(new ModernStdio(place.bridgeTo('modern', await place.newToken())));
  assert.deepEqual(
    (await client.listTools()).tools.map(({ name }) => name),
    ['echo'],
  );
  assert.equal(textOf(await client.callTool({ name: 'echo', arguments: { message: 'hi' } })), 'modern hi');
  await assert.rejects(client.callTool({ name: 'secret', arguments: {} }), /no policy permits/);
  await client.close();
});

test('U2 SDK 2.x over stdio falls back to initialize with a legacy server', async () => {
  await using place = await open();
  const client = new ModernClient({ name: 'v2', version: '1' }, { versionNegotiation: { mode: 'auto' } });
  await client.connect(new ModernStdio(place.bridgeTo('old', await place.newToken())));
  assert.equal(textOf(await client.callTool({ name: 'echo', arguments: { message: 'hi' } })), 'legacy hi');
  await client.close();
});
