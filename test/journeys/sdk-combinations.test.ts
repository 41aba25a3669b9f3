import { after, before, describe, test } from 'node:test';
import { exercise } from './exercise.ts';
import { mutualFetch } from './mcp-clients.ts';
import { sdkClients, type Way } from './sdk-clients.ts';
import { sdkServers } from './sdk-servers.ts';
import { openSdkTown, type SdkTown } from './sdk-town.ts';

/** Every official client with every official server, of its own era and of the other, by each way in. */
describe('T3 T4 U2 the official SDKs 1.x and 2.x as clients and servers', () => {
  const opened = new AsyncDisposableStack();
  let sdk: SdkTown;
  let direct: ReturnType<typeof mutualFetch>;

  before(async () => {
    sdk = opened.use(await openSdkTown());
    for (const server of sdkServers) opened.use(await server.open(sdk.town));
    direct = opened.use(mutualFetch(await sdk.town.issue('ci-bot')));
  });
  after(() => opened.disposeAsync());

  const ways: Readonly<Record<string, (endpoint: string) => Promise<Way>>> = {
    'mutual TLS': async (url) => ({ kind: 'http', url, fetch: direct as typeof fetch }),
    'the bridge over stdio': async (endpoint) => ({ kind: 'stdio', ...sdk.commandTo(endpoint) }),
    'the bridge over loopback HTTP': async (endpoint) => ({
      kind: 'http',
      url: await sdk.bridgeTo(endpoint),
    }),
  };

  for (const server of sdkServers) {
    for (const client of sdkClients) {
      const crossed = !server.eras.includes(client.era);
      for (const [way, find] of Object.entries(ways)) {
        // What a child or a stream behind the gateway says does not depend on the way in: one shows it through the bridge.
        if (server.transport !== 'http' && way !== 'mutual TLS' && client.era === 'legacy') continue;
        // The gateway bridges the eras; the bridge beside the client knows nothing of it, and one face of it shows that.
        if (crossed && way === 'the bridge over stdio') continue;
        const how = crossed ? 'across the eras ' : '';
        test(`${client.name} with ${server.name} ${how}by ${way}`, async () => {
          await using connected = await client.connect(await find(sdk.town.endpoint(server.name)));
          await exercise(connected, server.name.slice(0, 2));
        });
      }
    }
  }
});
