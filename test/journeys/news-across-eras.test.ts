import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { openTown, until } from './deployment.ts';
import { legacyClient, modernClient, mutualFetch } from './mcp-clients.ts';
import { newsServers, note, openNewsServers } from './news-servers.ts';

/** A client of either era that hears of resources and tools. */
interface Hearing extends AsyncDisposable {
  /** Names of resources that were updated, and `tools` for each change of the list, in order. */
  readonly heard: readonly string[];
  hear(uris: readonly string[]): Promise<void>;
  call(name: string): Promise<unknown>;
  tools(): Promise<readonly string[]>;
}

type Fetch = ReturnType<typeof mutualFetch>;

const clients: Readonly<Record<string, (url: string, fetch: Fetch) => Promise<Hearing>>> = {
  async modern(url, fetch) {
    const client = await modernClient(url, fetch);
    const heard: string[] = [];
    client.setNotificationHandler(
      'notifications/resources/updated',
      ({ params }) => void heard.push(params.uri),
    );
    client.setNotificationHandler('notifications/tools/list_changed', () => void heard.push('tools'));
    return {
      heard,
      async hear(uris) {
        await client.listen({ toolsListChanged: true, resourceSubscriptions: [...uris] });
      },
      call: (name) => client.callTool({ name, arguments: {} }),
      tools: async () => (await client.listTools()).tools.map(({ name }) => name),
      [Symbol.asyncDispose]: () => client.close(),
    };
  },
  async legacy(url, fetch) {
    const client = await legacyClient(url, fetch);
    const heard: string[] = [];
    client.setNotificationHandler(
      ResourceUpdatedNotificationSchema,
      ({ params }) => void heard.push(params.uri),
    );
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => void heard.push('tools'));
    return {
      heard,
      async hear(uris) {
        for (const uri of uris) await client.subscribeResource({ uri });
      },
      call: (name) => client.callTool({ name, arguments: {} }),
      tools: async () => (await client.listTools()).tools.map(({ name }) => name),
      [Symbol.asyncDispose]: () => client.close(),
    };
  },
};

for (const [era, connect] of Object.entries(clients)) {
  test(`T4 T5 a ${era} client hears at /mcp of resources and tools of servers of both eras, over every transport`, async () => {
    await using town = await openTown({ listMilliseconds: 60_000 });
    await using _servers = await openNewsServers(town);
    await town.addAgent('ci-bot');
    await town.permit('permit (principal, action, resource);');
    await using fetch = mutualFetch(await town.issue('ci-bot'));
    await using client = await connect(`${town.gateway.agents.url}/mcp`, fetch);
    const uriAt = (server: string): string => `mcp://${server}/${note}`;
    const heardOf = (what: string): number => client.heard.filter((one) => one === what).length;
    assert.equal((await client.tools()).length, 2 * newsServers.length);
    await client.hear(newsServers.map(uriAt));
    for (const server of newsServers) {
      await client.call(`${server}__touch`);
      await until(() => heardOf(uriAt(server)) === 1);
      const before = heardOf('tools');
      await client.call(`${server}__grow`);
      await until(() => heardOf('tools') > before);
      assert.ok((await client.tools()).includes(`${server}__grown`));
    }
    for (const server of newsServers)
      assert.equal(heardOf(uriAt(server)), 1, `${server} told of itself, once`);
  });

  for (const server of newsServers) {
    test(`T4 a ${era} client hears of the resource and the tools of ${server} at its own endpoint`, async () => {
      await using town = await openTown();
      await using _servers = await openNewsServers(town);
      await town.addAgent('ci-bot');
      await town.permit('permit (principal, action, resource);');
      await using fetch = mutualFetch(await town.issue('ci-bot'));
      await using client = await connect(town.endpoint(server), fetch);
      await client.hear([note]);
      await client.call('touch');
      await until(() => client.heard.includes(note));
      await client.call('grow');
      await until(() => client.heard.includes('tools'));
      assert.ok((await client.tools()).includes('grown'));
    });
  }
}
