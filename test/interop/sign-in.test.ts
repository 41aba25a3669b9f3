import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Client as ModernClient, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as LegacyTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { startServerBridge } from '../../src/bridge/server-bridge.ts';
import { signOutOfServer } from '../../src/bridge/sign-out.ts';
import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import { openBrowser } from '../journeys/person-browser.ts';
import { openLegacyServer, openModernServer, openProvider } from './oauth-servers.ts';

/** A bridge on a loopback port to a server of others, with a person who signs in as they are asked. */
async function openBridge(
  server: string,
  clock: Clock = systemClock,
): Promise<AsyncDisposable & { readonly url: string; readonly pages: string[]; readonly folder: string }> {
  await using opening = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'countersign-'));
  opening.defer(() => rm(folder, { recursive: true, force: true }));
  const browser = opening.use(openBrowser(''));
  const pages: string[] = [];
  const bridge = opening.use(
    await startServerBridge({
      server,
      rootsFile: null,
      stateFolder: folder,
      environment: {},
      signIn: {
        settings: {
          way: 'browser',
          issuer: null,
          scopes: [],
          client: { configured: null, document: null, register: true },
        },
        callbackPort: null,
        hasBrowser: true,
        showPage(url) {
          pages.push(url);
          void browser.visit(url, { login: 'alice', password: 'x' }).catch(() => undefined);
        },
        showCode: () => undefined,
      },
      face: { kind: 'http', port: 0 },
      clock,
      log: () => undefined,
    }),
  );
  const held = opening.move();
  const url = bridge.face.kind === 'http' ? bridge.face.url : '';
  return { url, pages, folder, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

test('O1 the demonstration server of SDK 1.x, with its own authorization server, is reached by a client that knows of no token', async () => {
  await using server = await openLegacyServer();
  await using bridge = await openBridge(server.url);
  const client = new LegacyClient({ name: 'test', version: '1' });
  await client.connect(new LegacyTransport(new URL(bridge.url)));
  const { tools } = await client.listTools();
  assert.ok(tools.length > 0);
  await client.close();
  assert.equal(bridge.pages.length, 1);
  assert.match(server.shown.at(-1) ?? '', /^Bearer /);
});

test('O2 a server of SDK 2.x in front of oidc-provider: registered, pushed, consented to, renewed by rotation, and signed out of', async () => {
  let ahead = 0;
  const clock = { ...systemClock, now: () => systemClock.now() + ahead };
  await using provider = await openProvider();
  await using server = await openModernServer(provider.issuer, provider.keys);
  await using bridge = await openBridge(server.url, clock);
  const client = new ModernClient({ name: 'test', version: '1' });
  await client.connect(new StreamableHTTPClientTransport(new URL(bridge.url)));
  assert.ok((await client.listTools()).tools.length > 0);
  assert.match(bridge.pages[0] ?? '', /request_uri=/);
  for (const _again of [1, 2]) {
    ahead += 280_000;
    assert.ok((await client.listTools()).tools.length > 0);
  }
  await client.close();
  assert.deepEqual(provider.grants, ['authorization_code', 'refresh_token', 'refresh_token']);
  assert.equal(bridge.pages.length, 1);
  assert.equal(new Set(server.shown.filter((one) => one !== null)).size, 3);
  const options = { server: server.url, stateFolder: bridge.folder, environment: {}, rootsFile: null, clock };
  assert.deepEqual(await signOutOfServer(options), { kind: 'ended', issuer: provider.issuer });
});
