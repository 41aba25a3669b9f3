import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startBridge } from '../../src/bridge/bridge.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { openTown } from '../journeys/deployment.ts';

/** The way through Countersign: plain HTTP on loopback → bridge → mutual TLS → gateway → server. */
export interface Passage extends AsyncDisposable {
  /** Registers an MCP server and gives the loopback address of a bridge to it. */
  to(server: string): Promise<string>;
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

  const to = async (server: string): Promise<string> => {
    const name = `server-${++servers}`;
    await town.addHttpServer(name, server);
    const bridge = held.use(
      await startBridge({
        gateway: town.endpoint(name),
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
  return { to, [Symbol.asyncDispose]: () => held.disposeAsync() };
}
