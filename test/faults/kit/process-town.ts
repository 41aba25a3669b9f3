import { generateKeyPairSync } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { askRemote } from '../../../src/app/admin/remote-administration.ts';
import { dataFolder, type DataFolder } from '../../../src/app/authority/data-folder.ts';
import { isJsonObject, type Json, type JsonObject } from '../../../src/kernel/canonical-json.ts';
import type { LeafKind } from '../../../src/x509/leaf-profile.ts';
import { encodePem } from '../../../src/x509/pem.ts';
import { buildRequest } from '../../../src/x509/request.ts';
import { freePort } from '../../interop/free-port.ts';
import type { Presentable } from '../../journeys/deployment.ts';
import { freshAuthority, passphrase } from '../../journeys/fresh-authority.ts';
import { type ProgramProcess, startProgram, type Surroundings } from './program-process.ts';

/** A gateway of a town, in a process of its own. */
export interface GatewayProcess extends AsyncDisposable {
  /** As it runs now: another one after it was started again. */
  process: ProgramProcess;
  readonly name: string;
  readonly state: string;
  /** The endpoint of one server for agents. */
  endpoint(server: string): string;
  /** Starts it again, on what the last one left and on the same port. */
  again(surroundings?: Surroundings): Promise<void>;
}

/** What a gateway is started with, beside its name. */
export interface GatewayOrder extends Surroundings {
  /** Where it is told that the authority is; where the authority listens unless given. */
  readonly authority?: string;
  /** Its state; a folder of the town unless given. */
  readonly state?: string;
  /** Settings by path, such as `gateway.stalenessMilliseconds`. */
  readonly settings?: Readonly<Record<string, string | number>>;
}

/** An authority and gateways, each in a process of its own, in a folder that goes away with them. */
export interface ProcessTown extends AsyncDisposable {
  readonly root: string;
  readonly data: DataFolder;
  /** As it runs now: another one after `again`. */
  authority: ProgramProcess;
  readonly authorityPort: number;
  readonly authorityUrl: string;
  /** Starts the authority again on the same port. */
  again(surroundings?: Surroundings): Promise<void>;
  /** One administrative operation, over mutual TLS. */
  ask(operation: string, input: JsonObject): Promise<JsonObject>;
  /** As `ask`, for operations that answer with a list. */
  list(operation: string, input: JsonObject): Promise<readonly JsonObject[]>;
  addAgent(name: string, roles?: readonly string[]): Promise<void>;
  addHttpServer(name: string, url: string): Promise<void>;
  /** Writes the policies; they are in force a moment later. */
  permit(cedar: string): Promise<void>;
  issue(name: string, kind?: LeafKind): Promise<Presentable>;
  startGateway(name: string, order?: GatewayOrder): Promise<GatewayProcess>;
}

/** How a town begins. */
export interface TownOrder extends Surroundings {
  /** Where the authority listens, beside loopback; nowhere unless given. */
  readonly addresses?: readonly string[];
  /** Where administration reaches the authority; 127.0.0.1 unless given. */
  readonly reached?: string;
  readonly settings?: Readonly<Record<string, string | number>>;
}

/** Opens a town whose authority runs; gateways are started when a test wants them. */
export async function openProcessTown(order: TownOrder = {}): Promise<ProcessTown> {
  await using opened = new AsyncDisposableStack();
  const root = await mkdtemp(join(tmpdir(), 'countersign-faults-'));
  opened.defer(() => rm(root, { recursive: true, force: true }));
  const data = dataFolder(join(root, 'authority'));
  await cp(await freshAuthority(), data.folder, { recursive: true });
  await mkdir(data.policies, { recursive: true });
  const passphraseFile = join(root, 'passphrase');
  await writeFile(passphraseFile, passphrase, { mode: 0o600 });
  const authorityPort = await freePort();
  const { addresses = [], reached = '127.0.0.1', settings = {} } = order;
  const words = [
    'authority',
    '--folder',
    data.folder,
    '--passphrase-file',
    passphraseFile,
    ...setting('listeners.authority.port', authorityPort),
    ...['agents', 'people', 'plain', 'ops'].flatMap((name) => setting(`listeners.${name}.port`, 0)),
    ...(addresses.length > 0 ? setting('listeners.authority.host', '0.0.0.0') : []),
    ...(addresses.length > 0 ? setting('listeners.authority.hosts', addresses.join(',')) : []),
    ...Object.entries(settings).flatMap(([path, value]) => setting(path, value)),
  ];
  const authorityUrl = `https://${reached}:${authorityPort}`;
  const [certificate, key, authorities] = await Promise.all([
    readFile(join(data.admin, 'certificate.pem'), 'utf8'),
    readFile(join(data.admin, 'key.pem'), 'utf8'),
    readFile(data.rootCertificate, 'utf8'),
  ]);
  const ask = (operation: string, input: Json): Promise<Json> =>
    askRemote(authorityUrl, { certificate, key, authorities }, operation, input);
  const town: ProcessTown = {
    root,
    data,
    authority: await startProgram(words, order),
    authorityPort,
    authorityUrl,
    async again(surroundings = order) {
      await town.authority.kill();
      town.authority = await startProgram(words, surroundings);
    },
    async ask(operation, input) {
      const answer = await ask(operation, input);
      if (!isJsonObject(answer)) throw new Error(`${operation} answered no object`);
      return answer;
    },
    async list(operation, input) {
      const answer = await ask(operation, input);
      if (!Array.isArray(answer)) throw new Error(`${operation} answered no list`);
      return answer.filter(isJsonObject);
    },
    async addAgent(name, roles = []) {
      await ask('agent.add', { name, owner: 'o', purpose: 'p', roles: [...roles] });
    },
    async addHttpServer(name, url) {
      await ask('server.add', { definition: { name, transport: 'http', url, tools: 'unpinned' } });
    },
    async permit(cedar) {
      // Whole or not at all: half a file would be other policies.
      await writeFile(join(root, 'next.cedar'), cedar);
      await rename(join(root, 'next.cedar'), join(data.policies, 'test.cedar'));
    },
    async issue(name, kind = 'agent') {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const csr = encodePem('CERTIFICATE REQUEST', buildRequest(privateKey, { commonName: name }));
      const answer = await town.ask('certificate.issue', { name, kind, csr });
      return {
        ca: textIn(answer, 'roots'),
        cert: textIn(answer, 'certificate'),
        key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
        serial: textIn(answer, 'serial'),
      };
    },
    startGateway: (name, gatewayOrder = {}) =>
      startGateway({ town, opened: held, name, order: gatewayOrder }),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
  opened.defer(() => town.authority.kill());
  const held = opened.move();
  return town;
}

async function startGateway(given: {
  readonly town: ProcessTown;
  readonly opened: AsyncDisposableStack;
  readonly name: string;
  readonly order: GatewayOrder;
}): Promise<GatewayProcess> {
  const { town, opened, name, order } = given;
  const state = order.state ?? join(town.root, name);
  const invitation = await town.ask('join-token.create', {
    name,
    kind: 'gateway',
    minutes: 5,
    dnsNames: ['localhost'],
    ipAddresses: ['127.0.0.1', '::1'],
  });
  const port = await freePort();
  const words = [
    'gateway',
    '--authority',
    order.authority ?? town.authorityUrl,
    '--name',
    name,
    '--state',
    state,
    ...setting('listeners.agents.port', port),
    ...setting('listeners.ops.port', 0),
    ...Object.entries(order.settings ?? {}).flatMap(([path, value]) => setting(path, value)),
  ];
  const first = ['--join-token', textIn(invitation, 'token')];
  first.push('--ca-fingerprint', textIn(invitation, 'rootFingerprint'));
  const gateway: GatewayProcess = {
    process: await startProgram([...words, ...first], order),
    name,
    state,
    endpoint: (server) => `https://localhost:${port}/mcp/${server}`,
    async again(surroundings = order) {
      await gateway.process.kill();
      gateway.process = await startProgram(words, surroundings);
    },
    [Symbol.asyncDispose]: () => gateway.process.kill(),
  };
  opened.defer(() => gateway.process.kill());
  return gateway;
}

function setting(path: string, value: string | number): readonly string[] {
  return ['--set', `${path}=${value}`];
}

/** The member of that name, which has to be a text. */
export function textIn(answer: JsonObject, name: string): string {
  const value = answer[name];
  if (typeof value === 'string') return value;
  throw new Error(`the authority answered without ${name}`);
}
