import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuthorityApprovals } from '../../src/app/approvals/gateway-approvals.ts';
import { composeGateway, type RunningGateway } from '../../src/app/compose/compose-gateway.ts';
import { configSchema, toConfig } from '../../src/app/config/config.ts';
import type { FeedMessage } from '../../src/app/feed/feed-message.ts';
import type { TlsMaterial } from '../../src/http/exchange.ts';
import type { JsonObject } from '../../src/kernel/canonical-json.ts';
import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import { encodePem } from '../../src/x509/pem.ts';
import { buildRequest } from '../../src/x509/request.ts';
import { createRedactor } from '../../src/secrets/redact.ts';
import { createTelemetry, type Telemetry } from '../../src/telemetry/telemetry.ts';
import type { Town } from './deployment.ts';

/** A gateway beside a town's own, whose clock, feed and certificate are the test's to move. */
export interface SecondGateway extends AsyncDisposable {
  readonly gateway: RunningGateway;
  readonly telemetry: Telemetry;
  endpoint(server: string): string;
  /** A new certificate with a new key; `moreRoots` are trusted besides the town's. */
  renew(moreRoots?: string): Promise<void>;
  /** Moves the time of day; the monotonic clock goes on as it does. */
  shift(milliseconds: number): void;
  /** The lines of its log. */
  log(): Promise<string>;
  /** Tells the gateway something as its feed would. */
  tell(message: FeedMessage): void;
  /** Whether the feed's messages arrive. */
  hears(messages: boolean): void;
}

/** What a second gateway may have besides. */
export interface SecondGatewayMore {
  /** Where calls are approved; nowhere unless given. */
  readonly approvals?: AuthorityApprovals;
  /** Members of the configuration's `sharedMemory`. */
  readonly sharedMemory?: JsonObject;
}

/** `settings` are members of the configuration's `gateway`; `port` is any free one unless given. */
export async function openSecondGateway(
  town: Town,
  settings: Record<string, number> = {},
  port = 0,
  { approvals, sharedMemory = {} }: SecondGatewayMore = {},
): Promise<SecondGateway> {
  await using opened = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'countersign-second-'));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  const { authority } = town.deployment;
  let offset = 0;
  let listening = true;
  let told: (message: FeedMessage) => void = () => undefined;
  const clock: Clock = { now: () => systemClock.now() + offset, monotonic: () => systemClock.monotonic() };
  let material = await newMaterial(town);
  const renewed: ((material: TlsMaterial) => void)[] = [];
  const telemetry = createTelemetry();
  const listeners = { agents: { port } };
  const gateway = opened.use(
    await composeGateway({
      config: toConfig(configSchema.parse({ listeners, gateway: settings, sharedMemory })),
      clock,
      redactor: createRedactor(),
      trustDomain: 'example.internal',
      identity: {
        current: () => material,
        onRenewed: (listener) => void renewed.push(listener),
        [Symbol.dispose]: () => undefined,
      },
      auditFolder: join(folder, 'log'),
      exportsFile: join(folder, 'audit-export.yaml'),
      flowFile: join(folder, 'flows.jsonl'),
      auditKey: authority.auditKey,
      follow: (listener) => {
        told = listener;
        return authority.feed.subscribe((message) => {
          if (listening) listener(message);
        });
      },
      ...(approvals && { approvals }),
      log: () => undefined,
      telemetry,
    }),
  );
  const held = opened.move();
  return {
    gateway,
    telemetry,
    endpoint: (server) => `${gateway.agents.url}/mcp/${server}`,
    async renew(moreRoots = '') {
      material = await newMaterial(town, moreRoots);
      for (const listener of renewed) listener(material);
    },
    shift(milliseconds) {
      offset += milliseconds;
    },
    log: () => readFile(join(folder, 'log', 'log-00000000000000000000.jsonl'), 'utf8'),
    tell: (message) => told(message),
    hears(messages) {
      listening = messages;
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

async function newMaterial(town: Town, moreRoots = ''): Promise<TlsMaterial> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const names = { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1', '::1'] };
  const csr = encodePem('CERTIFICATE REQUEST', buildRequest(privateKey, { commonName: 'second' }, names));
  const order = { name: 'second', kind: 'gateway', csr, ...names } as const;
  const { certificate, roots } = await town.deployment.authority.issueFor(order, 'test');
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' });
  return { certificate, key, clientAuthorities: roots + moreRoots };
}
