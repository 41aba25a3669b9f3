import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { newsServers, openNewsServers } from '../../journeys/news-servers.ts';
import { sdkServers } from '../../journeys/sdk-servers.ts';
import { openSdkTown, type SdkTown } from '../../journeys/sdk-town.ts';
import { type Job, type Program, pythonServers, runClient, type Seen, skip } from './python.ts';

interface Client {
  readonly name: string;
  readonly program: Program;
  readonly era: 'legacy' | 'modern';
  readonly mode?: string;
}

const clients: readonly Client[] = [
  { name: 'the Python SDK 1.x', program: 'mcp_1', era: 'legacy' },
  { name: 'the Python SDK 2.x by initialize', program: 'mcp_2', era: 'legacy', mode: 'legacy' },
  { name: 'the Python SDK 2.x of 2026-07-28', program: 'mcp_2', era: 'modern', mode: '2026-07-28' },
  { name: 'the Python SDK 2.x that finds out', program: 'mcp_2', era: 'modern', mode: 'auto' },
  { name: 'fastmcp by initialize', program: 'fastmcp', era: 'legacy', mode: 'legacy' },
  { name: 'fastmcp of 2026-07-28', program: 'fastmcp', era: 'modern', mode: '2026-07-28' },
];

/** Servers of Python that its clients meet as well: each is of the other major version for some of them. */
const servers = [
  // The child that speaks both eras says to each client what the other two say.
  ...sdkServers.filter(({ name }) => name !== 'v2-stdio'),
  ...pythonServers.filter(({ name }) => name === 'p1-http' || name === 'p2-http'),
];
/** Each start of a bridge takes a second, and what it does is the same for every server: one of each era. */
const overStdio = new Set(['v1-http', 'v2-http']);
/** At the endpoint of all servers the names are what differs: one server of each era. */
const atAll = new Set(['v1-stdio', 'v2-http']);
/** And for news. */
const news = newsServers.filter((name) => name === 'old-sse' || name === 'new-http');
/** What a client that finds out does after that is what one does that was told; fastmcp builds upon the SDK 2.x. */
const found = new Set(['v1-http', 'v2-http', 'p2-http']);
const meets = (client: Client, server: string): boolean =>
  (client.mode !== 'auto' && client.program !== 'fastmcp') || found.has(server);
/** fastmcp hears of changes through the SDK that it builds upon. */
const hears = (client: Client, server: string): boolean =>
  client.program !== 'fastmcp' && meets(client, server);
const faces = ['http', 'stdio'] as const;

/** The clients of the Python SDKs with servers of TypeScript and Python behind bridge and gateway. */
describe('T3 T4 T5 U2 the clients of the Python SDK 1.x and 2.x and of fastmcp', () => {
  const opened = new AsyncDisposableStack();
  let sdk: SdkTown;
  const seen = new Map<string, Seen>();

  /** What a client is to do, each under the title of the test that looks at what came of it. */
  const jobsOf = async (meeting: Client): Promise<readonly Job[]> => {
    const { name: client, mode } = meeting;
    const jobs: Job[] = [];
    const how = mode === undefined ? {} : { mode };
    const all = await sdk.bridgeTo(`${sdk.town.gateway.agents.url}/mcp`);
    for (const { name } of servers) {
      if (!meets(meeting, name)) continue;
      const endpoint = sdk.town.endpoint(name);
      jobs.push({ id: `${client} ${name} http`, ...how, url: await sdk.bridgeTo(endpoint) });
      if (overStdio.has(name))
        jobs.push({ id: `${client} ${name} stdio`, ...how, ...sdk.commandTo(endpoint) });
      if (atAll.has(name)) jobs.push({ id: `${client} ${name} all`, ...how, url: all, within: name });
    }
    for (const name of news) {
      if (!hears(meeting, name)) continue;
      const url = await sdk.bridgeTo(sdk.town.endpoint(name));
      jobs.push({ id: `${client} ${name} news`, ...how, url, news: true });
    }
    return jobs;
  };

  before(async () => {
    if (skip) return;
    sdk = opened.use(await openSdkTown());
    const opening = servers.map((server) => server.open(sdk.town));
    for (const server of await Promise.all(opening)) opened.use(server);
    opened.use(await openNewsServers(sdk.town, news));
    // One after the other: they count what the servers had to cancel.
    for (const program of ['mcp_1', 'mcp_2', 'fastmcp'] as const) {
      const mine = clients.filter((client) => client.program === program);
      const jobs = (await Promise.all(mine.map(jobsOf))).flat();
      for (const [id, what] of await runClient(program, jobs)) seen.set(id, what);
    }
  });
  after(() => opened.disposeAsync());

  for (const client of clients) {
    const { name, era } = client;
    for (const server of servers) {
      if (!meets(client, server.name)) continue;
      const how = server.eras.includes(era) ? '' : 'across the eras ';
      const version = server.name.slice(0, 2);
      for (const face of faces) {
        if (face === 'stdio' && !overStdio.has(server.name)) continue;
        test(`${name} with ${server.name} ${how}through the ${face} bridge`, { skip }, () => {
          check(seen.get(`${name} ${server.name} ${face}`), version, era);
        });
      }
      if (!atAll.has(server.name)) continue;
      test(`${name} with ${server.name} ${how}at the endpoint of all servers`, { skip }, () => {
        check(seen.get(`${name} ${server.name} all`), version, era);
      });
    }
    for (const server of news) {
      if (!hears(client, server)) continue;
      test(`${name} hears of the resource and the tools of ${server}`, { skip }, () => {
        const heard = seen.get(`${name} ${server} news`);
        assert.equal(heard?.['error'], undefined);
        assert.deepEqual(heard, { updated: true, changed: true, grown: true });
      });
    }
  }
});

function check(seen: Seen | undefined, version: string, era: 'legacy' | 'modern'): void {
  assert.equal(seen?.['error'], undefined);
  const { revision, refused, ...rest } = seen ?? {};
  assert.equal(revision, era === 'modern' ? '2026-07-28' : '2025-11-25');
  assert.match(String(refused), /no policy permits/);
  assert.deepEqual(rest, {
    steps: [1, 2, 3],
    tools: ['ask', 'cancellations', 'count', 'echo', 'hang', 'sample'],
    echo: `${version} hi`,
    count: 'counted',
    ask: 'go true',
    sample: 'said hello',
    resources: ['note://hello'],
    note: `${version} note`,
    prompts: ['greet'],
    greet: `${version} greets Ada`,
    cancelled: 1,
  });
}
