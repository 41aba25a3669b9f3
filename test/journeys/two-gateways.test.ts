import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openTown, type Town, until } from './deployment.ts';
import { legacyClient, modernClient, mutualFetch, textOf } from './mcp-clients.ts';
import { openLegacyServer, openModernServer } from './mcp-servers.ts';
import { rawAgent } from './raw-agent.ts';
import { openSecondGateway, type SecondGateway } from './second-gateway.ts';

const stdioServer = join(import.meta.dirname, 'stdio-server-v1.ts');
const servers = ['old', 'child', 'new'] as const;

describe('T3 two gateways are one to their agents', () => {
  const opened = new AsyncDisposableStack();
  let town: Town;
  let second: SecondGateway;

  before(async () => {
    const old = opened.use(await openLegacyServer());
    const modern = opened.use(await openModernServer());
    town = opened.use(await openTown());
    await town.addHttpServer('old', old.url);
    await town.addServer({ name: 'new', transport: 'http', url: modern.url, era: 'modern' });
    await town.addStdioServer('child', [process.execPath, stdioServer]);
    await town.permit('permit (principal, action, resource);');
    second = opened.use(await openSecondGateway(town));
  });

  after(() => opened.disposeAsync());

  /** `fetch` that takes the gateways in turn, whatever the URL says. */
  function inTurn(fetch: ReturnType<typeof mutualFetch>): typeof fetch {
    let count = 0;
    const places = [town.gateway.agents.url, second.gateway.agents.url];
    const turned: typeof fetch = Object.assign(
      (url: string | URL, init?: RequestInit) => {
        const { pathname } = new URL(url);
        return fetch(`${places[count++ % 2]}${pathname}`, init);
      },
      { [Symbol.asyncDispose]: () => fetch[Symbol.asyncDispose]() },
    );
    return turned;
  }

  for (const server of servers) {
    test(`T3 T4 a client of the old era has one session at ${server}, whichever gateway each request comes to`, async () => {
      await town.addAgent(`turn-${server}`);
      await using fetch = inTurn(mutualFetch(await town.issue(`turn-${server}`)));
      const client = await legacyClient(town.endpoint(server), fetch);
      for (let call = 0; call < 5; call += 1) {
        const said = await client.callTool({ name: 'echo', arguments: { message: `${call}` } });
        assert.match(textOf(said), new RegExp(`${call}$`));
      }
      await client.close();
    });
  }

  test('T5 a client of the old era has one session at the endpoint of all servers', async () => {
    await town.addAgent('turn-all');
    await using fetch = inTurn(mutualFetch(await town.issue('turn-all')));
    const client = await legacyClient(`${town.gateway.agents.url}/mcp`, fetch);
    for (const server of [...servers, ...servers]) {
      const said = await client.callTool({ name: `${server}__echo`, arguments: { message: server } });
      assert.match(textOf(said), new RegExp(`${server}$`));
    }
    await client.close();
  });

  test('T3 a client of 2026-07-28 notices nothing', async () => {
    await town.addAgent('turn-modern');
    await using fetch = inTurn(mutualFetch(await town.issue('turn-modern')));
    for (const server of servers) {
      const client = await modernClient(town.endpoint(server), fetch);
      for (let call = 0; call < 3; call += 1) {
        const said = await client.callTool({ name: 'echo', arguments: { message: `${call}` } });
        assert.match(textOf(said), new RegExp(`${call}$`));
      }
      await client.close();
    }
  });

  for (const server of [...servers, '']) {
    const called = server === '' ? 'all servers' : server;
    test(`law 5 a session of ${called} that was stolen opens at no gateway`, async () => {
      const at = (gateway: string): string => `${gateway}/mcp${server === '' ? '' : `/${server}`}`;
      const own = at(town.gateway.agents.url);
      await using victim = await rawAgent(town, `victim-${server || 'all'}`, { at: own });
      await using thief = await rawAgent(town, `thief-${server || 'all'}`, {
        at: at(second.gateway.agents.url),
      });
      const session = await victim.initialize();
      const stolen = await thief.legacy(session, 'ping');
      assert.equal(stolen.status, 404);
      assert.equal(stolen.error?.data?.code, 'session_unknown');
      const forged = await thief.legacy(session.replace(/^[^.]*/, 'own-00000000'), 'ping');
      assert.equal(forged.status, 404);
      assert.equal((await victim.legacy(session, 'ping')).status, 200);
    });
  }

  test('I7 law 5 a gateway that is revoked takes what was sealed with it: sessions begin anew, with secrets it is not told', async () => {
    const at = `${second.gateway.agents.url}/mcp/old`;
    await using agent = await rawAgent(town, 'lasting', { server: 'old' });
    await using elsewhere = await rawAgent(town, 'lasting', { known: true, at });
    const session = await agent.initialize();
    assert.equal((await elsewhere.legacy(session, 'ping')).status, 200);
    let fresh = '';
    const { serial } = await town.issue('lost-gateway', 'gateway');
    await town.deployment.authority.revoke({ serial, reason: 'stolen' }, 'test');
    await until(
      () => fresh !== '' && fresh.split('.')[0] !== session.split('.')[0],
      async () => {
        fresh = await agent.initialize();
      },
    );
    assert.equal((await agent.legacy(session, 'ping')).status, 404);
    assert.equal((await elsewhere.legacy(fresh, 'ping')).status, 200);
  });
});
