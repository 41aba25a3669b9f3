import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { startBridge } from '../../src/bridge/bridge.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { openTown, until } from './deployment.ts';
import { textOf } from './mcp-clients.ts';
import { openLegacyServer } from './mcp-servers.ts';

test('I6 U2 a bridge renews at its authority while a call waits for an answer of the client; the call ends well, the next has the new certificate', async () => {
  await using opened = new AsyncDisposableStack();
  const old = opened.use(await openLegacyServer());
  const town = opened.use(await openTown());
  const { authority } = town.deployment;
  await town.addHttpServer('old', old.url);
  await town.addAgent('ci-bot');
  await town.permit('permit (principal, action, resource);');
  const state = await mkdtemp(join(tmpdir(), 'countersign-renewal-'));
  opened.defer(() => rm(state, { recursive: true, force: true }));
  const order = { name: 'ci-bot', kind: 'agent', dnsNames: [], ipAddresses: [], minutes: 5 } as const;
  const { token, rootFingerprint } = await authority.createJoinToken(order, 'test');
  let offset = 0;
  const bridge = opened.use(
    await startBridge({
      gateway: town.endpoint('old'),
      authority: town.authorityUrl,
      agent: 'ci-bot',
      joinToken: token,
      authorityFile: null,
      rootFingerprint,
      stateFolder: state,
      environment: {},
      face: { kind: 'http', port: 0 },
      clock: { now: () => systemClock.now() + offset, monotonic: () => systemClock.monotonic() },
      log: () => undefined,
      limits: { reloadMilliseconds: 0, renewalCheckMilliseconds: 20 },
    }),
  );
  assert.ok(bridge.face.kind === 'http');
  const serials = async (): Promise<readonly string[]> =>
    (await authority.store.certificates.list({ name: 'ci-bot', state: 'issued' })).map(
      ({ serial }) => serial,
    );

  let answerQuestion: () => void = () => undefined;
  let asked = false;
  const client = new Client({ name: 'v1', version: '1' }, { capabilities: { elicitation: {} } });
  client.setRequestHandler(ElicitRequestSchema, async () => {
    asked = true;
    await new Promise<void>((resolve) => {
      answerQuestion = resolve;
    });
    return { action: 'accept', content: {} };
  });
  await client.connect(new StreamableHTTPClientTransport(new URL(bridge.face.url)));
  const waiting = client.callTool({ name: 'ask', arguments: {} });
  await until(() => asked);
  assert.equal((await serials()).length, 1);

  // The certificate lives an hour; 40 minutes on, its window is over for certain and its end is not there yet.
  offset = 40 * 60_000;
  let now: readonly string[] = [];
  await until(
    () => now.length >= 2,
    async () => {
      now = await serials();
    },
  );
  // The authority's clock did not move, so for the moved one every new certificate is due at once.
  offset = 0;
  const used = async (tool: string, type: string): Promise<unknown> =>
    (await town.events()).findLast(
      (event) => event.type === type && JSON.stringify(event['messages']).includes(`"target":"${tool}"`),
    )?.['serial'];
  const first = String(now[0]);
  let newest: unknown = first;
  await until(
    () => newest !== first,
    async () => {
      const echoed = await client.callTool({ name: 'echo', arguments: { message: 'new' } });
      assert.equal(textOf(echoed), 'legacy new');
      newest = await used('echo', 'call.answered');
    },
  );
  assert.ok((await serials()).includes(String(newest)));
  answerQuestion();
  assert.equal(textOf(await waiting), 'accept');
  await client.close();
  await until(
    () => newest === first,
    async () => {
      newest = await used('ask', 'call.answered');
    },
  );
});
