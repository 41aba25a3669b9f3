import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startBridge } from '../../src/bridge/bridge.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { openTown, type Town } from './deployment.ts';
import { program } from './program.ts';

/** A town with an agent that has enrolled, and bridges beside it. */
export interface SdkTown extends AsyncDisposable {
  readonly town: Town;
  /** Opens a bridge over loopback HTTP to an endpoint; closed with the town. Returns its URL. */
  bridgeTo(endpoint: string): Promise<string>;
  /** The command that is a bridge over standard input and output to an endpoint. */
  commandTo(endpoint: string): { readonly command: string; readonly args: string[] };
}

/** Everything is permitted but a tool that is called `secret`. */
const policy = `
permit (principal, action in Action::"read", resource);
permit (principal, action in [Action::"prompts/get", Action::"resources/read", Action::"resources/subscribe"], resource);
permit (principal, action == Action::"tools/call", resource) unless { resource.name == "secret" };
`;

export async function openSdkTown(): Promise<SdkTown> {
  await using opened = new AsyncDisposableStack();
  // Nothing here is about slowness, and many a child starts at once: a list waits for all of them.
  const town = opened.use(await openTown({ listMilliseconds: 60_000 }));
  const state = await mkdtemp(join(tmpdir(), 'countersign-sdk-'));
  opened.defer(() => rm(state, { recursive: true, force: true }));
  await town.addAgent('ci-bot');
  await town.permit(policy);
  const { authority } = town.deployment;
  const order = { name: 'ci-bot', kind: 'agent', dnsNames: [], ipAddresses: [], minutes: 5 } as const;
  // The first start enrols; every other bridge of the agent finds what it stored.
  let { token: joinToken }: { token: string | null } = await authority.createJoinToken(order, 'test');
  const start = async (gateway: string): Promise<Awaited<ReturnType<typeof startBridge>>> => {
    const bridge = await startBridge({
      gateway,
      authority: town.authorityUrl,
      agent: 'ci-bot',
      joinToken,
      authorityFile: null,
      rootFingerprint: authority.describe().rootFingerprint,
      stateFolder: state,
      environment: {},
      face: { kind: 'http', port: 0 },
      clock: systemClock,
      log: () => undefined,
    });
    joinToken = null;
    return bridge;
  };
  await (await start(`${town.gateway.agents.url}/mcp`))[Symbol.asyncDispose]();
  const bridges = opened.use(new AsyncDisposableStack());
  const held = opened.move();
  return {
    town,
    async bridgeTo(endpoint) {
      const { face } = bridges.use(await start(endpoint));
      if (face.kind !== 'http') throw new Error('the bridge has another face');
      return face.url;
    },
    commandTo: (endpoint) => ({
      command: process.execPath,
      args: `${program} bridge --agent ci-bot --state ${state}`
        .split(' ')
        .concat(['--gateway', endpoint, '--authority', town.authorityUrl]),
    }),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}
