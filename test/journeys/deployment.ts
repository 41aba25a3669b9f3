import { generateKeyPairSync } from 'node:crypto';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dataFolder, type DataFolder } from '../../src/app/authority/data-folder.ts';
import { composeDeployment, type Deployment } from '../../src/app/compose/compose-deployment.ts';
import { configSchema, toConfig } from '../../src/app/config/config.ts';
import type { RunningGateway } from '../../src/app/compose/compose-gateway.ts';
import type { JsonObject } from '../../src/kernel/canonical-json.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { readServerDefinition } from '../../src/upstream/server-definition.ts';
import type { LeafKind } from '../../src/x509/leaf-profile.ts';
import { encodePem } from '../../src/x509/pem.ts';
import { buildRequest } from '../../src/x509/request.ts';
import { freshAuthority, passphrase } from './fresh-authority.ts';

/** A whole deployment on loopback with free ports, in a folder that goes away with it. */
export interface Town extends AsyncDisposable {
  readonly data: DataFolder;
  readonly deployment: Deployment;
  readonly gateway: RunningGateway;
  readonly passphrase: string;
  /** The endpoint of one server for agents. */
  endpoint(server: string): string;
  readonly authorityUrl: string;
  /** A certificate for a fresh key, in PEM, for Node's TLS options. */
  issue(name: string, kind?: LeafKind): Promise<Presentable>;
  /** Puts policies in force and waits until they are. */
  permit(cedar: string): Promise<void>;
  /** Puts limits in force and waits until they are. */
  limit(yaml: string): Promise<void>;
  addAgent(name: string, roles?: readonly string[]): Promise<void>;
  addStdioServer(name: string, command: readonly string[]): Promise<void>;
  addHttpServer(name: string, url: string): Promise<void>;
  addSseServer(name: string, url: string): Promise<void>;
  /** Any other definition. */
  addServer(definition: JsonObject): Promise<void>;
  /** The events of the gateway's log so far. */
  events(): Promise<readonly { readonly type: string; readonly [field: string]: unknown }[]>;
}

export interface Presentable {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly serial: string;
}

/** Opens a town. `settings` are members of the configuration's `gateway`; `authority` of that section. */
export async function openTown(
  settings: Record<string, number> = {},
  {
    authority: authoritySettings = {},
    secrets = {},
    sharedMemory = {},
    traced = {},
    plainPort = 0,
    on = {},
    // The program's own variable: `npm run test:reference` sets it for a whole run.
    engine = process.env['COUNTERSIGN_HTTP_ENGINE'] ?? 'wire',
    from,
    exports,
    ...more
  }: Pick<Parameters<typeof composeDeployment>[0], 'disk' | 'telemetry'> & {
    /** Where lines for the operator go; nowhere unless given. */
    readonly log?: (line: string) => void;
    readonly authority?: JsonObject;
    /** Members of the configuration's `secrets`. */
    readonly secrets?: JsonObject;
    /** Members of the configuration's `sharedMemory`. */
    readonly sharedMemory?: JsonObject;
    /** Members of the configuration's `telemetry`. */
    readonly traced?: JsonObject;
    /** Port of the plain listener; any free one unless given. */
    readonly plainPort?: number;
    /** Hosts of listeners, by name; loopback unless given. */
    readonly on?: Readonly<Record<string, string>>;
    readonly engine?: string;
    /** The data folder to begin with, in place of the fresh one of every test. */
    readonly from?: string;
    /** The file of where the logs are exported to. */
    readonly exports?: string;
  } = {},
): Promise<Town> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-town-'));
  const data = dataFolder(join(folder, 'authority'));
  await cp(from ?? (await freshAuthority()), data.folder, { recursive: true });
  if (exports !== undefined) await writeFile(data.auditExport, exports);
  const names = ['agents', 'authority', 'people', 'plain', 'ops'];
  const listeners = Object.fromEntries(
    names.map((name) => [
      name,
      { port: name === 'plain' ? plainPort : 0, ...(on[name] !== undefined && { host: on[name] }) },
    ]),
  );
  const deployment = await composeDeployment({
    config: toConfig(
      configSchema.parse({
        listeners,
        http: { engine },
        gateway: settings,
        authority: authoritySettings,
        secrets,
        sharedMemory,
        telemetry: traced,
      }),
    ),
    data,
    passphrase: async () => passphrase,
    gateway: true,
    clock: systemClock,
    log: () => undefined,
    ...more,
  });
  const { authority, gateway } = deployment;
  if (!gateway) throw new Error('the deployment has no gateway');
  const put = async (definition: JsonObject): Promise<void> => {
    // What tests are about is seldom which tools are approved, or the walls around children: test/attacks/walls.test.ts.
    const open = definition['transport'] === 'stdio' ? { isolation: { by: 'none' } } : {};
    const unpinned = { tools: 'unpinned', ...open, ...definition };
    const { name } = await authority.putServer(readServerDefinition(unpinned), false);
    await until(() => gateway.view.servers().has(name));
  };
  return {
    data,
    deployment,
    gateway,
    passphrase,
    endpoint: (server) => `${gateway.agents.url}/mcp/${server}`,
    authorityUrl: deployment.listeners['authority']?.url ?? '',
    async issue(name, kind = 'agent') {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const csr = encodePem('CERTIFICATE REQUEST', buildRequest(privateKey, { commonName: name }));
      const order = { name, kind, csr, dnsNames: [], ipAddresses: [] };
      const { certificate, roots, serial } = await authority.issueFor(order, 'test');
      return {
        ca: roots,
        cert: certificate,
        key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
        serial,
      };
    },
    async permit(cedar) {
      const before = gateway.view.policies().version;
      await writeFile(join(data.policies, 'test.cedar'), cedar);
      await until(() => gateway.view.policies().version !== before);
    },
    async limit(yaml) {
      const before = gateway.view.limits();
      await writeFile(join(data.policies, 'limits.yaml'), yaml);
      await until(() => gateway.view.limits() !== before);
    },
    async addAgent(name, roles = []) {
      await authority.addAgent({ name, owner: 'o', purpose: 'p', roles, buildDigest: null, device: null });
      await until(() => gateway.view.identity.agent(name) !== null);
    },
    addStdioServer: (name, command) => put({ name, transport: 'stdio', command: [...command] }),
    addHttpServer: (name, url) => put({ name, transport: 'http', url }),
    addServer: put,
    addSseServer: (name, url) => put({ name, transport: 'sse', url }),
    async events() {
      await gateway.audit.checkpoint();
      return await readEvents(data.gatewayLog);
    },
    async [Symbol.asyncDispose]() {
      await deployment[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function readEvents(folder: string): Promise<Awaited<ReturnType<Town['events']>>> {
  const text = await readFile(join(folder, 'log-00000000000000000000.jsonl'), 'utf8');
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => (JSON.parse(line) as { event: { type: string } }).event);
}

/** Waits for a condition, ten seconds at most unless told; `nudge` is done before each look. */
export async function until(
  condition: () => boolean,
  nudge?: () => Promise<void>,
  milliseconds = 10_000,
): Promise<void> {
  for (let waited = 0; waited < milliseconds / 10; waited++) {
    await nudge?.();
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('what was waited for did not come');
}
