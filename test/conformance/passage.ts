import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { startBridge } from '../../src/bridge/bridge.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { openTown } from '../journeys/deployment.ts';
import { program } from '../journeys/program.ts';

/** How a client gets to a bridge. */
export type Door =
  | { readonly kind: 'http'; readonly url: string }
  | { readonly kind: 'stdio'; readonly command: string; readonly words: readonly string[] };

/** The way through Countersign: plain HTTP on loopback → bridge → mutual TLS → gateway → server. */
export interface Passage extends AsyncDisposable {
  /** Registers an MCP server and gives the loopback address of a bridge to it. */
  to(server: string): Promise<string>;
  /** Where a client under test asks for its way: `{ server, face }` is answered with a Door. */
  readonly address: string;
}

const agent = 'conformance';

/** A method that nobody knows is permitted only by name. */
const everything = `
permit (principal, action, resource);
permit (principal, action == Action::"other", resource);
`;

/** A deployment with everything on, and one agent to which policy permits everything. */
export async function openPassage(): Promise<Passage> {
  await using opened = new AsyncDisposableStack();
  const state = await mkdtemp(join(tmpdir(), 'countersign-passage-'));
  opened.defer(() => rm(state, { recursive: true, force: true }));
  const town = opened.use(await openTown({ concurrentPerAgent: 256 }));
  await town.addAgent(agent);
  await town.permit(everything);
  const { authority } = town.deployment;
  const order = { name: agent, kind: 'agent', dnsNames: [], ipAddresses: [], minutes: 5 } as const;
  const joinToken = (await authority.createJoinToken(order, 'conformance')).token;
  const { rootFingerprint } = authority.describe();
  const held = opened.move();
  let servers = 0;

  const endpointTo = async (server: string): Promise<string> => {
    const name = `server-${++servers}`;
    await town.addHttpServer(name, server);
    return town.endpoint(name);
  };
  const to = async (server: string): Promise<string> => {
    const bridge = held.use(
      await startBridge({
        gateway: await endpointTo(server),
        authority: town.authorityUrl,
        agent,
        // Good once: the first bridge enrols, the others find its identity.
        joinToken,
        authorityFile: null,
        rootFingerprint,
        stateFolder: state,
        environment: {},
        face: { kind: 'http', port: 0 },
        clock: systemClock,
        log: () => undefined,
      }),
    );
    if (bridge.face.kind !== 'http') throw new Error('the bridge has no address');
    return bridge.face.url;
  };
  const doorTo = async ({ server, face }: Asked): Promise<Door> => {
    if (face === 'http') return { kind: 'http', url: await to(server) };
    const words = ['bridge', '--gateway', await endpointTo(server), '--authority', town.authorityUrl];
    const place = ['--agent', agent, '--state', state];
    return { kind: 'stdio', command: process.execPath, words: [program, ...words, ...place] };
  };
  const desk = held.use(await openDesk(doorTo));
  return { to, address: desk.address, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

interface Asked {
  readonly server: string;
  readonly face: 'http' | 'stdio';
}

async function openDesk(
  doorTo: (asked: Asked) => Promise<Door>,
): Promise<AsyncDisposable & { readonly address: string }> {
  const desk = createServer((request, response) => {
    text(request)
      .then(async (asked) => response.end(JSON.stringify(await doorTo(JSON.parse(asked) as Asked))))
      .catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => desk.listen(0, '127.0.0.1', resolve));
  return {
    address: `http://127.0.0.1:${(desk.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      desk.closeAllConnections();
      await new Promise((resolve) => desk.close(resolve));
    },
  };
}
