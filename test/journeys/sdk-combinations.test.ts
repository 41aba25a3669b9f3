import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startBridge } from '../../src/bridge/bridge.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { openTown, type Town, until } from './deployment.ts';
import { mutualFetch } from './mcp-clients.ts';
import { program } from './program.ts';
import { type AnyClient, sdkClients, type Way } from './sdk-clients.ts';
import { sdkServers } from './sdk-servers.ts';

const policy = `
permit (principal, action in Action::"read", resource);
permit (principal, action == Action::"tools/call", resource) unless { resource.name == "secret" };
`;

/** Every official client with every official server, of its own era and of the other, by each way in. */
describe('T3 T4 U2 the official SDKs 1.x and 2.x as clients and servers', () => {
  const opened = new AsyncDisposableStack();
  let town: Town;
  let state = '';
  let direct: ReturnType<typeof mutualFetch>;

  before(async () => {
    town = opened.use(await openTown());
    state = await mkdtemp(join(tmpdir(), 'countersign-sdk-'));
    opened.defer(() => rm(state, { recursive: true, force: true }));
    for (const server of sdkServers) opened.use(await server.open(town));
    await town.addAgent('ci-bot');
    await town.permit(policy);
    direct = opened.use(mutualFetch(await town.issue('ci-bot')));
    // The first start enrols; every other bridge of the agent finds what it stored.
    const { authority } = town.deployment;
    const order = { name: 'ci-bot', kind: 'agent', dnsNames: [], ipAddresses: [], minutes: 5 } as const;
    const { token } = await authority.createJoinToken(order, 'test');
    await (await bridge('v1-http', token))[Symbol.asyncDispose]();
  });
  after(() => opened.disposeAsync());

  const bridge = (server: string, joinToken: string | null = null): ReturnType<typeof startBridge> =>
    startBridge({
      gateway: town.endpoint(server),
      authority: town.authorityUrl,
      agent: 'ci-bot',
      joinToken,
      authorityFile: null,
      rootFingerprint: town.deployment.authority.describe().rootFingerprint,
      stateFolder: state,
      environment: {},
      face: { kind: 'http', port: 0 },
      clock: systemClock,
      log: () => undefined,
    });

  const ways: Readonly<Record<string, (server: string, opening: AsyncDisposableStack) => Promise<Way>>> = {
    'mutual TLS': async (server) => ({
      kind: 'http',
      url: town.endpoint(server),
      fetch: direct as typeof fetch,
    }),
    'the bridge over stdio': async (server) => ({
      kind: 'stdio',
      command: process.execPath,
      args: `${program} bridge --agent ci-bot --state ${state}`
        .split(' ')
        .concat(['--gateway', town.endpoint(server), '--authority', town.authorityUrl]),
    }),
    'the bridge over loopback HTTP': async (server, opening) => {
      const { face } = opening.use(await bridge(server));
      assert.ok(face.kind === 'http');
      return { kind: 'http', url: face.url };
    },
  };

  for (const server of sdkServers) {
    for (const client of sdkClients) {
      const crossed = !server.eras.includes(client.era);
      for (const [way, find] of Object.entries(ways)) {
        // What a child behind the gateway says does not depend on the way in; one of them shows it through the bridge.
        if (server.transport === 'stdio' && way !== 'mutual TLS' && client.era === 'legacy') continue;
        // The gateway bridges the eras; the bridge beside the client knows nothing of it, and one face of it shows that.
        if (crossed && way === 'the bridge over stdio') continue;
        const how = crossed ? 'across the eras ' : '';
        test(`${client.name} with ${server.name} ${how}by ${way}`, async () => {
          await using opening = new AsyncDisposableStack();
          const connected = opening.use(await client.connect(await find(server.name, opening)));
          await exercise(connected, server.name.slice(0, 2));
        });
      }
    }
  }
});

/** List, call, progress, a question of the server, cancellation and a refusal. */
async function exercise(client: AnyClient, version: string): Promise<void> {
  assert.deepEqual([...(await client.tools())].sort(), ['ask', 'cancellations', 'count', 'echo', 'hang']);
  assert.equal(await client.call('echo', { args: { message: 'hi' } }), `${version} hi`);
  const steps: number[] = [];
  assert.equal(await client.call('count', { onprogress: ({ progress }) => steps.push(progress) }), 'counted');
  assert.deepEqual(steps, [1, 2, 3]);
  assert.equal(await client.call('ask'), 'go true');

  const before = Number(await client.call('cancellations'));
  const stop = new AbortController();
  const hanging = client.call('hang', { signal: stop.signal });
  setTimeout(() => stop.abort(), 100);
  await assert.rejects(hanging);
  let counted = before;
  await until(
    () => counted === before + 1,
    async () => {
      counted = Number(await client.call('cancellations'));
    },
  );
  await assert.rejects(client.call('secret'), /no policy permits/);
}
