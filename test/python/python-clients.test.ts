import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { sdkServers } from '../journeys/sdk-servers.ts';
import { openSdkTown, type SdkTown } from '../journeys/sdk-town.ts';
import { type Job, pythonServers, runClient, type Seen, skip } from './python.ts';

interface Client {
  readonly name: string;
  readonly major: 1 | 2;
  readonly era: 'legacy' | 'modern';
  readonly mode?: string;
}

const clients: readonly Client[] = [
  { name: 'the Python SDK 1.x', major: 1, era: 'legacy' },
  { name: 'the Python SDK 2.x by initialize', major: 2, era: 'legacy', mode: 'legacy' },
  { name: 'the Python SDK 2.x of 2026-07-28', major: 2, era: 'modern', mode: '2026-07-28' },
  { name: 'the Python SDK 2.x that finds out', major: 2, era: 'modern', mode: 'auto' },
];

/** Servers of Python that its clients meet as well: each is of the other major version for some of them. */
const servers = [
  ...sdkServers,
  ...pythonServers.filter(({ name }) => name === 'p1-http' || name === 'p2-http'),
];
/** Each start of a bridge takes a second, and what it does is the same for every server: one of each era. */
const overStdio = new Set(['v1-http', 'v2-http']);

/** The clients of the Python SDKs with servers of TypeScript and Python behind bridge and gateway. */
describe('T3 T4 U2 the clients of the Python SDK 1.x and 2.x', () => {
  const opened = new AsyncDisposableStack();
  let sdk: SdkTown;
  const seen = new Map<string, Seen>();

  before(async () => {
    if (skip) return;
    sdk = opened.use(await openSdkTown());
    for (const server of servers) opened.use(await server.open(sdk.town));
    for (const major of [1, 2] as const) {
      const jobs: Job[] = [];
      for (const { name, mode } of clients.filter((client) => client.major === major)) {
        for (const server of servers) {
          const endpoint = sdk.town.endpoint(server.name);
          const how = mode === undefined ? {} : { mode };
          jobs.push({ id: `${name} ${server.name} http`, ...how, url: await sdk.bridgeTo(endpoint) });
          if (!overStdio.has(server.name)) continue;
          jobs.push({ id: `${name} ${server.name} stdio`, ...how, ...sdk.commandTo(endpoint) });
        }
      }
      for (const [id, what] of await runClient(major, jobs)) seen.set(id, what);
    }
  });
  after(() => opened.disposeAsync());

  for (const { name, era } of clients) {
    for (const server of servers) {
      const faces = overStdio.has(server.name) ? ['http', 'stdio'] : ['http'];
      for (const face of faces) {
        const how = server.eras.includes(era) ? '' : 'across the eras ';
        test(`${name} with ${server.name} ${how}through the ${face} bridge`, { skip }, () => {
          check(seen.get(`${name} ${server.name} ${face}`), server.name.slice(0, 2), era);
        });
      }
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
