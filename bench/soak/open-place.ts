import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { freePort } from '../../test/interop/free-port.ts';
import { openLegacyServer, openModernServer } from '../../test/journeys/mcp-servers.ts';
import { program } from '../../test/journeys/program.ts';
import { openCaller } from '../../test/faults/kit/caller.ts';
import { openProcessTown, type ProcessTown, textIn } from '../../test/faults/kit/process-town.ts';
import { until } from '../../test/faults/kit/until.ts';
import { probeVariable } from './probe.ts';
import { type Place, soakPolicy } from './traffic.ts';

/** A town for a soak, and the processes of ours to look at, by name. */
export interface SoakPlace extends Place, AsyncDisposable {
  readonly processes: ReadonlyMap<string, number>;
  /** Where the processes say what they hold. */
  readonly probes: string;
}

/** An authority, two gateways and a bridge, with agents and servers of both eras. */
export async function openSoakPlace(agentCount: number, pauseMilliseconds: number): Promise<SoakPlace> {
  await using opened = new AsyncDisposableStack();
  const [modern, old] = [opened.use(await openModernServer()), opened.use(await openLegacyServer())];
  const probes = await mkdtemp(join(tmpdir(), 'countersign-probes-'));
  opened.defer(() => rm(probes, { recursive: true, force: true }));
  const environment = {
    NODE_OPTIONS: `--import=${pathToFileURL(join(import.meta.dirname, 'probe.ts')).href}`,
    [probeVariable]: probes,
  };
  const town = opened.use(await openProcessTown({ environment }));
  await town.addHttpServer('modern', modern.url);
  await town.addHttpServer('old', old.url);
  await town.permit(soakPolicy);
  await town.addAgent('revoked-bot');
  const agents = new Map<string, Awaited<ReturnType<ProcessTown['issue']>>>();
  for (let at = 0; at < agentCount; at += 1) {
    await town.addAgent(`bot-${at}`);
    agents.set(`bot-${at}`, await town.issue(`bot-${at}`, at === 0 ? 'agent' : 'ephemeral'));
  }
  const gateways = [
    await town.startGateway('one', { environment }),
    await town.startGateway('two', { environment }),
  ];
  const [first] = gateways;
  const [shown] = agents.values();
  if (!first || !shown) throw new Error('the place is empty');
  using caller = openCaller(first.endpoint('modern'), shown);
  await until('a first answer', async () => (await caller.call('hi')).status === 200);
  const bridge = await startBridge({ town, gateway: first.endpoint('old'), environment });
  opened.defer(bridge.end);
  const processes = new Map([
    ['authority', town.authority.pid],
    ...gateways.map(({ name, process }) => [`gateway ${name}`, process.pid] as const),
    ['bridge', bridge.pid],
  ]);
  const held = opened.move();
  return {
    town,
    gateways,
    bridges: [bridge.url],
    agents,
    pauseMilliseconds,
    processes,
    probes,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

async function startBridge(options: {
  readonly town: ProcessTown;
  readonly gateway: string;
  readonly environment: Readonly<Record<string, string>>;
}): Promise<{ readonly url: string; readonly pid: number; readonly end: () => Promise<void> }> {
  const { town, gateway, environment } = options;
  await town.addAgent('bridged');
  const order = { name: 'bridged', kind: 'agent', minutes: 5 };
  const invitation = await town.ask('join-token.create', order);
  const port = await freePort();
  const words = ['bridge', '--gateway', gateway, '--authority', town.authorityUrl, '--agent', 'bridged'];
  words.push('--join-token', textIn(invitation, 'token'));
  words.push('--ca-fingerprint', textIn(invitation, 'rootFingerprint'));
  words.push('--state', join(town.root, 'bridged'), '--http', String(port));
  const child = spawn(process.execPath, [program, ...words], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ...environment },
  });
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const url = `http://127.0.0.1:${port}/mcp`;
  await until('the bridge', () => {
    if (child.exitCode !== null) throw new Error('the bridge ended');
    return answers(url);
  });
  return {
    url,
    pid: child.pid ?? 0,
    async end() {
      child.kill('SIGTERM');
      await gone;
    },
  };
}

async function answers(url: string): Promise<boolean> {
  return await fetch(url).then(
    () => true,
    () => false,
  );
}
