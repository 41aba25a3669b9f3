import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { startBridge } from '../../../src/bridge/bridge.ts';
import { systemClock } from '../../../src/kernel/clock.ts';
import { readCertificate } from '../../../src/x509/certificate.ts';
import { decodePem } from '../../../src/x509/pem.ts';
import { openTown, until } from '../deployment.ts';
import { textOf } from '../mcp-clients.ts';
import { openLegacyServer } from '../mcp-servers.ts';
import { runHere, start } from '../program.ts';

/**
 * A town whose time is moved by libfaketime, for `rotation-drill.test.ts`: an authority with a gateway, a gateway in a process
 * of its own, a bridge before each and calls through both without a pause, while agents renew and the root is replaced.
 * Prints what it saw as one line of JSON.
 */

/** What the drill came to. */
export interface DrillReport {
  readonly calls: number;
  readonly failures: readonly string[];
  /** How often each bridge got another certificate. */
  readonly renewals: readonly number[];
  /** Roots that each bridge trusts at the end, and the first of them. */
  readonly roots: readonly number[];
  readonly rootChanged: boolean;
  /** Hours that went by. */
  readonly hours: number;
  /** The longest that a call took, in milliseconds. */
  readonly slowest: number;
}

const none = { dnsNames: [], ipAddresses: [] };
const timeFile = process.env['FAKETIME_TIMESTAMP_FILE'] ?? '';
const began = Date.now();
let minutes = 0;

/** For all processes at once: the file is replaced whole, and looked at whenever the time is asked for. */
async function goOn(by: number): Promise<void> {
  minutes += by;
  await writeFile(`${timeFile}.next`, `+${minutes}m\n`);
  await rename(`${timeFile}.next`, timeFile);
}

await using opened = new AsyncDisposableStack();
const server = opened.use(await openLegacyServer());
const town = opened.use(await openTown());
const { authority } = town.deployment;
const folder = await mkdtemp(join(tmpdir(), 'countersign-drill-'));
opened.defer(() => rm(folder, { recursive: true, force: true }));
await town.addHttpServer('old', server.url);
await town.permit('permit (principal, action, resource);');
const firstRoot = authority.describe().rootFingerprint;

const edge = await joinToken('edge', 'gateway');
const gateway = opened.use(
  await start([
    'gateway',
    '--authority',
    town.authorityUrl,
    '--name',
    'edge',
    '--state',
    join(folder, 'edge'),
    '--ports',
    'any',
    '--join-token',
    edge.token,
    '--ca-fingerprint',
    edge.rootFingerprint,
  ]),
);

const bridges = [
  await bridgeOf('ci-bot', town.endpoint('old')),
  await bridgeOf('kiosk', `${gateway.first.listening['agents']}/mcp/old`),
];
const failures: string[] = [];
let calls = 0;
let slowest = 0;
const over = new AbortController();
const load = bridges.map(({ url }) => callOn(url, over.signal));

// 1 A renewal as on any day.
await renewAll(35);
// 2 A new root: gateways know it at once, agents with their next renewal.
await command('rotate', 'root');
await renewAll(35);
await command('cert', 'renew');
await untilAsync(async () => (await authority.rotation.status()).waiting === 0, 'all know the new root');
// 3 It issues.
await command('rotate', 'activate');
await renewAll(35);
await command('cert', 'renew');
await untilAsync(
  async () => (await authority.rotation.status()).left === 0,
  'nothing is left of the old root',
);
// 4 The old one ends, and life goes on.
await command('rotate', 'retire');
await renewAll(35);
over.abort();
await Promise.all(load);

const roots = await Promise.all(bridges.map(async ({ state }) => rootsIn(state)));
const report: DrillReport = {
  calls,
  failures: failures.slice(0, 20),
  renewals: bridges.map(({ serials }) => serials.size - 1),
  roots,
  rootChanged: authority.describe().rootFingerprint !== firstRoot,
  hours: (Date.now() - began) / 3_600_000,
  slowest: Math.round(slowest),
};
process.stdout.write(`${JSON.stringify(report)}\n`);

async function joinToken(name: string, kind: 'agent' | 'gateway') {
  const names = kind === 'gateway' ? { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1', '::1'] } : none;
  return await authority.createJoinToken({ name, kind, minutes: 5, ...names }, 'drill');
}

async function bridgeOf(agent: string, endpoint: string) {
  await town.addAgent(agent);
  const { token, rootFingerprint } = await joinToken(agent, 'agent');
  const state = join(folder, agent);
  const bridge = opened.use(
    await startBridge({
      gateway: endpoint,
      authority: town.authorityUrl,
      agent,
      joinToken: token,
      authorityFile: null,
      rootFingerprint,
      stateFolder: state,
      environment: {},
      face: { kind: 'http', port: 0 },
      clock: systemClock,
      log: (line) => process.stderr.write(`${agent}: ${line}\n`),
      limits: { reloadMilliseconds: 0, renewalCheckMilliseconds: 50 },
    }),
  );
  if (bridge.face.kind !== 'http') throw new Error('the bridge has no HTTP face');
  const serials = new Set([await serialIn(state)]);
  return { url: bridge.face.url, state, serials };
}

/** Calls one after the other until all is over. */
async function callOn(url: string, end: AbortSignal): Promise<void> {
  const client = new Client({ name: 'drill', version: '1' });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  while (!end.aborted) {
    const start = performance.now();
    try {
      const answer = await client.callTool({ name: 'echo', arguments: { message: `${calls}` } });
      if (!textOf(answer).startsWith('legacy ')) failures.push(JSON.stringify(answer));
    } catch (error) {
      failures.push(String(error));
    }
    calls += 1;
    slowest = Math.max(slowest, performance.now() - start);
    // A call in about every ten milliseconds: the machine has other things to do.
    await new Promise((resolve) => setTimeout(resolve, 8));
  }
  await client.close();
}

/** Lets time go by, until every bridge has another certificate. */
async function renewAll(by: number): Promise<void> {
  await goOn(by);
  for (const { state, serials } of bridges) {
    await untilAsync(async () => !serials.has(await serialIn(state)), 'a renewal');
    serials.add(await serialIn(state));
  }
}

async function command(...words: readonly [string, string]): Promise<void> {
  const passphrase = join(folder, 'passphrase');
  await writeFile(passphrase, town.passphrase, { mode: 0o600 });
  const all =
    words[0] === 'cert'
      ? [...words, town.data.admin, '--authority', town.authorityUrl]
      : [...words, '--folder', town.data.folder, '--passphrase-file', passphrase];
  const { code, stderr } = await runHere(all);
  if (code !== 0) throw new Error(`${words.join(' ')}: ${stderr}`);
}

async function untilAsync(holds: () => Promise<boolean>, what: string): Promise<void> {
  let held = false;
  await until(
    () => held,
    async () => {
      held = await holds();
    },
    20_000,
  ).catch(async () => {
    throw new Error(`${what} did not come: ${JSON.stringify(await authority.rotation.status())}`);
  });
}

async function serialIn(state: string): Promise<string> {
  const [leaf = new Uint8Array()] = decodePem(
    await readFile(join(state, 'certificate.pem'), 'utf8'),
    'CERTIFICATE',
  );
  return readCertificate(leaf).serial;
}

async function rootsIn(state: string): Promise<number> {
  return decodePem(await readFile(join(state, 'root.pem'), 'utf8'), 'CERTIFICATE').length;
}
