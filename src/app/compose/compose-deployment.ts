import { createPublicKey } from 'node:crypto';
import type { Disk } from '../../audit/disk.ts';
import type { Listener } from '../../http/exchange.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import { createRedactor, type Redactor } from '../../secrets/redact.ts';
import type { Secrets } from '../../secrets/resolve.ts';
import type { Authority } from '../authority/authority.ts';
import type { DataFolder } from '../authority/data-folder.ts';
import { openAuthority } from '../authority/open-authority.ts';
import { announce } from '../authority/running-authority.ts';
import type { Config } from '../config/config.ts';
import type { Store } from '../store/store.ts';
import { countIssuance } from '../telemetry/count-issuance.ts';
import { countedLog } from '../telemetry/counted-log.ts';
import { watchAuthority } from '../telemetry/watch-authority.ts';
import { watchLog } from '../telemetry/watch-log.ts';
import { openTelemetry } from '../telemetry/open-telemetry.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { composeAuthority, listenerNames } from './compose-authority.ts';
import { composeEnds, type RunningEnds } from './compose-ends.ts';
import { composeGateway, type RunningGateway } from './compose-gateway.ts';
import { exportSettings } from './open-exports.ts';
import { keepLog } from './keep-log.ts';
import { watchKeptLog } from './log-health.ts';
import { openOps } from './open-ops.ts';
import { openSecrets } from './open-secrets.ts';
import { holdOwnIdentity, type OwnIdentity } from './own-identity.ts';
import { tellOfSecrets } from './tell-of-secrets.ts';
import { runWorkers, type Workers, workersIn } from '../workers/run-workers.ts';
import type { SecretCheck } from '../feed/secret-checks.ts';
import { watchCallApprovals } from './watch-call-approvals.ts';
import { withoutLikelySecrets } from './likely-log.ts';
import { watchDevices } from './watch-devices.ts';
import { watchPartners } from './watch-partners.ts';
import { type RunningExpiryWatch, watchEnds } from './watch-ends.ts';

/** An authority at work, and a gateway beside it when one was asked for. */
export interface Deployment extends AsyncDisposable {
  readonly authority: Authority;
  readonly expiry: RunningExpiryWatch;
  readonly gateway: RunningGateway | null;
  /** In place of that, the processes that it is. */
  readonly workers: Workers | null;
  /** Every open listener, by name. */
  readonly listeners: Readonly<Record<string, OpenPlace>>;
}

/** Where something listens. */
export type OpenPlace = Pick<Listener, 'name' | 'host' | 'port' | 'url'>;

export interface DeploymentOptions {
  readonly config: Config;
  readonly data: DataFolder;
  readonly passphrase: () => Promise<string>;
  readonly gateway: boolean;
  readonly clock: Clock;
  readonly log: (line: string) => void;
  /** Learns every secret that is used, and cuts it out of what leaves; one of its own unless given. */
  readonly redactor?: Redactor;
  /** A store that several authorities of this process share; that of the folder unless given. */
  readonly store?: Store;
  /** Where the gateway's log is written; the machine's disk unless given. */
  readonly disk?: Disk;
  /** Where everything is measured and checked; one of its own unless given. */
  readonly telemetry?: Telemetry;
}

/** Opens a data folder and everything that serves it. Throws what `openAuthority`, `listen` and the log throw. */
export async function composeDeployment(options: DeploymentOptions): Promise<Deployment> {
  const { config, data, clock, redactor = createRedactor(clock) } = options;

  const log = withoutLikelySecrets(options.log);
  await using opened = new AsyncDisposableStack();
  const service = options.gateway ? 'countersign' : 'countersign-authority';
  const { telemetry = opened.use(await openTelemetry(config, { clock, redactor, service })) } = options;
  const { meters } = telemetry;
  const { passphrase } = options;
  const renewalGrace = config.authority.renewalGraceMinutes * 60_000;
  const { publicUrl, subAgents, widerPolicies, sealing } = config.authority;
  const authority = opened.use(
    await openAuthority({
      data,
      passphrase,
      clock,
      log,
      redactor,
      renewalGrace,
      publicUrl,
      subAgents,
      widerPolicies,
      registration: config.authority.scep.door === 'open',
      sealing: { rotate: sealing.rotateHours * 3_600_000, kept: sealing.keptHours * 3_600_000 },
      ...(options.store && { store: options.store }),
      before: (own) => countedLog(own, { name: 'authority', meters, clock, count: countIssuance(meters) }),
    }),
  );
  const ends = opened.use(await composeEnds({ config, clock, authority, log }));
  opened.use(watchDevices({ authority, clock, log }));
  opened.use(watchPartners({ authority, clock, log }));
  const expiry = opened.use(await watchEnds({ config, authority, redactor, clock, log }));
  opened.use(watchCallApprovals({ authority, receiver: expiry.receiver, log }));
  const secrets = opened.use(authoritySecrets(authority, { ...options, redactor, log }));
  const { audit } = authority;
  const settings = await exportSettings(data.auditExport);
  const kept = opened.use(
    keepLog({
      settings,
      folder: data.authorityLog,
      audit,
      publicKey: createPublicKey(authority.auditKey),
      identity: null,
      // The record of what was issued.
      retention: null,
      secrets,
      clock,
      redactor,
      log,
    }),
  );
  watchLog(authority.audit, telemetry, { name: 'authority', folder: data.authorityLog });
  watchAuthority({ authority, ends, expiry, clock }, telemetry);
  watchKeptLog(kept, telemetry, clock);
  let gatewayUrl: string | null = config.gateway.publicUrl || null;
  const own = opened.use(
    await composeAuthority({
      config,
      clock,
      authority,
      ends,
      redactor,
      log,
      gatewayUrl: () => gatewayUrl,
      tracer: telemetry.tracer,
    }),
  );
  const listeners: Record<string, OpenPlace> = {
    authority: own.authority,
    people: own.people,
    plain: own.plain,
  };
  authority.peers.say({ url: own.authority.url });
  const several = options.gateway && workersIn(config) > 1;
  const beside = { ...options, redactor, log, telemetry };
  const workers = several
    ? opened.use(await workersBeside(authority, ends, fromThisMachine(own.authority), beside))
    : null;
  if (workers) listeners['agents'] = workers.agents;
  const gateway =
    options.gateway && !several ? opened.use(await besideAuthority(authority, ends, beside)) : null;
  if (gateway) listeners['agents'] = gateway.agents;
  gatewayUrl ??= (workers ?? gateway)?.agents.url ?? null;
  listeners['ops'] = opened.use(await openOps({ config, clock, telemetry, workers }));
  opened.use(await announce(data, { pid: process.pid, authority: fromThisMachine(own.authority) }));
  const held = opened.move();
  return { authority, expiry, gateway, workers, listeners, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

/** What the exporters of the authority's log need; the authority has no certificate to log in with at a holder of secrets. */
function authoritySecrets(
  { audit }: Authority,
  { config, clock, redactor, log }: DeploymentOptions & { readonly redactor: Redactor },
): Secrets {
  return openSecrets({
    config: config.secrets,
    environment: process.env,
    clock,
    redactor,
    identity: () => {
      throw new Fault(
        'secret_unresolved',
        'The authority does not log in with a certificate; choose another secrets.vault.login.',
      );
    },
    tell: tellOfSecrets(audit, (line) => log(redactor.redact(line))),
  });
}

/** A gateway in the authority's own process: its feed and its certificate need no network. */
async function besideAuthority(
  authority: Authority,
  { staple }: RunningEnds,
  options: DeploymentOptions & { readonly redactor: Redactor },
): Promise<RunningGateway> {
  const { config, data, clock, log, redactor } = options;
  await using opened = new AsyncDisposableStack();
  const identity = opened.use(await identityOfGateway(authority, options));
  const gateway = opened.use(
    await composeGateway({
      config,
      clock,
      trustDomain: authority.issuer.trustDomain,
      identity,
      auditFolder: data.gatewayLog,
      exportsFile: data.auditExport,
      flowFile: data.gatewayFlows,
      auditKey: authority.auditKey,
      follow: (listener) => authority.feed.subscribe(listener),
      tellSeen: (seen) => authority.agentsSeen(seen),
      tellTools: (reports) => authority.tools.heard('gateway', reports),
      tellServers: async (states) => authority.serverStates.heard('gateway', states),
      tellFlows: async (rows) => authority.flowReports.heard('gateway', rows),
      approvals: {
        ask: (call) => authority.callApprovals.ask(call, 'gateway'),
        use: (approval) => authority.callApprovals.use(approval, 'gateway'),
        withdraw: (approval) => authority.callApprovals.withdraw(approval, 'gateway'),
      },
      log,
      staple,
      redactor,
      ...(options.telemetry && { telemetry: options.telemetry }),
      ...(options.disk && { disk: options.disk }),
    }),
  );
  opened.use(authority.secretChecks.answeredBy((reference) => gateway.checkSecret(reference)));
  const held = opened.move();
  return { ...gateway, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

/** The certificate of the gateway of this machine, which its authority gives it. */
async function identityOfGateway(
  authority: Authority,
  { config, clock, log }: Pick<DeploymentOptions, 'config' | 'clock' | 'log'>,
): Promise<OwnIdentity> {
  const names = listenerNames(config, ['agents']);
  return await holdOwnIdentity({
    name: 'gateway',
    ...names,
    issue: (csr, replaces) =>
      authority.issueFor({ name: 'gateway', kind: 'gateway', csr, ...names }, 'authority', { replaces }),
    onChange: authority.issuers.onChange,
    clock,
    log,
  });
}

/** A gateway in processes of its own, which follow the authority of this one as gateways elsewhere do. */
async function workersBeside(
  authority: Authority,
  { staple }: RunningEnds,
  url: string,
  options: DeploymentOptions,
): Promise<Workers> {
  const { config, data, clock, log } = options;
  await using opened = new AsyncDisposableStack();
  const identity = opened.use(await identityOfGateway(authority, options));
  const workers = opened.use(
    await runWorkers({
      count: workersIn(config),
      hello: {
        name: null,
        trustDomain: authority.issuer.trustDomain,
        authorities: url,
        auditFolder: data.gatewayLog,
        exportsFile: data.auditExport,
        flowFile: data.gatewayFlows,
      },
      auditKey: authority.auditKey,
      identity,
      staple,
      clock,
      log,
    }),
  );
  const secret = async (reference: string): Promise<SecretCheck> => {
    const [first] = (await workers.ask<SecretCheck>('secret', reference)).values();
    if (!first) throw new Fault('unavailable', 'No worker of the gateway is there to ask. Try again.');
    return first;
  };
  opened.use(authority.secretChecks.answeredBy(secret));
  const held = opened.move();
  return { ...workers, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

/** The URL that commands on this machine use: "everywhere" is no address, and stands in no certificate. */
function fromThisMachine({ host, port, url }: Listener): string {
  if (host === '0.0.0.0') return `https://127.0.0.1:${port}`;
  return host === '::' ? `https://[::1]:${port}` : url;
}
