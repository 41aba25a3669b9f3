import { after, before, describe, test } from 'node:test';
import { exercise } from '../../journeys/exercise.ts';
import { sdkClients } from '../../journeys/sdk-clients.ts';
import { openSdkTown, type SdkTown } from '../../journeys/sdk-town.ts';
import { pythonServers, skip } from './python.ts';

/** Servers made with the Python SDKs behind the gateway, used with the official clients of TypeScript through the bridge. */
describe('T3 T4 servers of the Python SDK 1.x and 2.x and of fastmcp behind the gateway', () => {
  const opened = new AsyncDisposableStack();
  let sdk: SdkTown;

  before(async () => {
    if (skip) return;
    sdk = opened.use(await openSdkTown());
    const servers = await Promise.all(pythonServers.map((server) => server.open(sdk.town)));
    for (const server of servers) opened.use(server);
  });
  after(() => opened.disposeAsync());

  for (const server of pythonServers) {
    for (const client of sdkClients) {
      const how = server.eras.includes(client.era) ? '' : 'across the eras ';
      test(`${client.name} with ${server.name} ${how}through bridge and gateway`, { skip }, async () => {
        const url = await sdk.bridgeTo(sdk.town.endpoint(server.name));
        await using connected = await client.connect({ kind: 'http', url });
        await exercise(connected, server.name.slice(0, 2));
      });
    }
  }
});
