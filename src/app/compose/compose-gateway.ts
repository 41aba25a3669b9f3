import { createPublicKey, type KeyObject } from 'node:crypto';
import { checkpointSigner } from '../../audit/checkpoint.ts';
import type { Disk } from '../../audit/disk.ts';
import { type AuditLog, type CallLog, openAuditLog } from '../../audit/log.ts';
import { originOf } from '../../audit/log-folder.ts';
import { queuedLog } from '../../audit/queued-log.ts';
import { createAnswerGuard } from '../../gateway/answer-guard.ts';
import { type AuthorityApprovals, gatewayApprovals } from '../approvals/gateway-approvals.ts';
import { createFlowGuard } from '../../gateway/flow/flow-guard.ts';
import type { RememberedLabel } from '../../gateway/flow/flow-memory.ts';
import { createGateway } from '../../gateway/gateway.ts';
import { createLimits } from '../../gateway/limits.ts';
import { createLiveCalls } from '../../gateway/live-calls.ts';
import { FetchedKeys } from '../../oauth/keys/fetched-keys.ts';
import { createProofNonces } from '../../oauth/resource/proof-nonces.ts';
import { createPassportGate } from '../../oauth/agent-passport/passport-gate.ts';
import { createTokenGate } from '../../oauth/resource/token-gate.ts';
import { createKeyRing } from '../../gateway/key-ring.ts';
import { createTaskLedger } from '../../gateway/task-ledger.ts';
import { createTurns } from '../../gateway/turns.ts';
import { createSignedCalls } from '../../gateway/signed-calls.ts';
import { createToolHeaders } from '../../gateway/tool-headers.ts';
import type { Listener } from '../../http/exchange.ts';
import type { Clock } from '../../kernel/clock.ts';
import { errorText } from '../../kernel/fault.ts';
import { randomBytes } from '../../kernel/random.ts';
import { lazyLikelySecrets } from '../../secrets/redaction/likely-secrets.ts';
import type { Redactor } from '../../secrets/redact.ts';
import { createChildWarden } from '../../upstream/child-warden.ts';
import { createUpstream } from '../../upstream/create-upstream.ts';
import { lookOnce } from '../../upstream/isolation/machine.ts';
import { defaultUpstreamLimits } from '../../upstream/limits.ts';
import { leafUri } from '../../x509/leaf-profile.ts';
import { decodePem } from '../../x509/pem.ts';
import type { Config } from '../config/config.ts';
import { version } from '../version.ts';
import type { FeedMessage } from '../feed/feed-message.ts';
import { flowOrdersIn } from '../feed/flow-orders.ts';
import { tellFlows } from '../feed/flow-reports.ts';
import { createRegistryView, type RegistryView } from '../feed/registry-view.ts';
import { type ServerState, tellServerStates } from '../feed/server-states.ts';
import { createSightings, type Seen } from '../feed/sightings.ts';
import type { ToolReport } from '../tools/tool-report.ts';
import { touchesPartners, trustedClients } from './trusted-clients.ts';
import type { OwnIdentity } from './own-identity.ts';
import { checkSecret } from './check-secret.ts';
import type { SecretCheck } from '../feed/secret-checks.ts';
import { exportSettings } from './open-exports.ts';
import { type KeptLog, keepLog, retentionRules } from './keep-log.ts';
import { unwitnessedLog } from './unwitnessed-log.ts';
import { openSecrets } from './open-secrets.ts';
import { watchKeptLog } from './log-health.ts';
import { redactedLog } from './redacted-log.ts';
import { countCalls } from '../telemetry/count-calls.ts';
import { countedLog } from '../telemetry/counted-log.ts';
import { timeCalls } from '../telemetry/time-calls.ts';
import { watchGateway } from '../telemetry/watch-gateway.ts';
import { watchLog } from '../telemetry/watch-log.ts';
import { createTelemetry, type Telemetry } from '../../telemetry/telemetry.ts';
import { tellOfSecrets } from './tell-of-secrets.ts';
import { agentsWithoutRight } from './agents-without-right.ts';
import { type GatewayMemories, openGatewayMemories, type SharedMemoryState } from './gateway-memories.ts';
import { limitsInForce } from './limits-in-force.ts';
import { openAgentsListener } from './open-agents-listener.ts';
import { stateOfServer } from './state-of-server.ts';
import { composePins } from './pinned-tools.ts';
import { tokensInForce } from './tokens-in-force.ts';
import { asksForSignature, credentialKind } from './server-asks.ts';
import { createUpstreamSet, type UpstreamSet } from './upstream-set.ts';

/** How often what changes with time alone is looked at: ended certificates, a silent feed. Milliseconds. */
const reviewMilliseconds = 500;

/** A gateway at work. */
export interface RunningGateway extends AsyncDisposable {
  readonly agents: Listener;
  readonly view: RegistryView;
  readonly audit: AuditLog;
  readonly upstreams: UpstreamSet;
  /** What becomes of its log. */
  readonly kept: KeptLog;
  /** Says whether a secret reference resolves here, and never its value. */
  checkSecret(reference: string): Promise<SecretCheck>;
  liveCalls(): number;
  /** Whether it is about to end. */
  draining(): boolean;
  /**
   * Ends the data path without losing a call: not ready from now on, connections are taken for `acceptMilliseconds` more, then
   * streams without an end are ended for others to go on with, and calls may go on for `graceMilliseconds`.
   */
  drain(acceptMilliseconds: number, graceMilliseconds: number): Promise<void>;
  /** null where this gateway shares no memory with others. */
  sharedMemory(): SharedMemoryState | null;
  /** Running children of stdio servers. */
  children(): number;
  /** Its own certificate as of now, a PEM chain. */
  certificate(): string;
}

export interface GatewayOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly trustDomain: string;
  readonly identity: OwnIdentity;
  readonly auditFolder: string;
  /** The file of where the log is exported to; it need not be there. */
  readonly exportsFile: string;
  /** The name of this gateway among others; none for the one beside the authority. */
  readonly name?: string;
  /** Where it is written what agents have used. */
  readonly flowFile: string;
  readonly auditKey: KeyObject;
  /** Starts the feed; the gateway refuses everything until the first snapshot. A message may say when it was said. */
  readonly follow: (listener: (message: FeedMessage, saidAt?: number) => void) => Promise<() => void>;
  /** Tells the registry when agents were last admitted. */
  readonly tellSeen?: (seen: Seen) => Promise<void>;
  /** Tells the registry how the servers are. */
  readonly tellServers?: (states: readonly ServerState[]) => Promise<void>;
  /** Tells the registry which tools servers list. */
  readonly tellTools?: (reports: readonly ToolReport[]) => Promise<void>;
  /** Where calls are approved; nowhere unless given, and what policy asks about is refused. */
  readonly approvals?: AuthorityApprovals;
  /** Tells the registry what agents have used. */
  readonly tellFlows?: (rows: readonly RememberedLabel[]) => Promise<void>;
  readonly log: (line: string) => void;
  /** Learns every secret that is used, and cuts it out of what leaves. */
  readonly redactor: Redactor;
  /** Where the log is written; the machine's disk unless given. */
  readonly disk?: Disk;
  /** What it remembers together with others; its own, or what the configuration says, unless given. */
  readonly memories?: Omit<GatewayMemories, 'shared' | typeof Symbol.asyncDispose>;
  /** An OCSP response about the gateway's own certificate; none unless given. */
  readonly staple?: (certificate: Uint8Array) => Promise<Uint8Array | null>;
  /** Where it is measured and checked; nobody reads it unless given. */
  readonly telemetry?: Telemetry;
}

/** Puts the data path together: registry view, log, upstreams, gateway, listener. */
export async function composeGateway(options: GatewayOptions): Promise<RunningGateway> {
  const { config, clock, identity, redactor, log, telemetry = createTelemetry() } = options;
  const { meters } = telemetry;
  await using opened = new AsyncDisposableStack();
  const origin = await originOfGateway(options);
  const written = opened.use(
    await openAuditLog({
      folder: options.auditFolder,
      origin,
      clock,
      signer: checkpointSigner(origin, options.auditKey),
      segmentEntries: config.audit.fileEntries,
      ...(options.disk && { disk: options.disk }),
    }),
  );
  const settings = await exportSettings(options.exportsFile);
  const redacted = redactedLog(written, redactor);
  let kept: KeptLog | null = null;
  const limited = settings.witnesses.some(({ limitSeconds }) => limitSeconds > 0);
  const witnessed = limited ? unwitnessedLog(redacted, () => kept?.witnesses.overdue() ?? null) : redacted;
  const audit = countedLog(witnessed, {
    name: 'gateway',
    meters,
    clock,
    count: countCalls(meters, {
      registered: (name) => view.servers().has(name),
      agents: config.telemetry.countedAgents > 0,
    }),
  });
  const view = createRegistryView({
    trustDomain: options.trustDomain,
    clock,
    staleness: config.gateway.stalenessMilliseconds,
    onWentBack(from, to) {
      log(
        `The authority gives an older registry than before (change ${to}, and was at ${from}): was a backup restored? Whoever was refused stays refused.`,
      );
      audit.note({ type: 'registry.went-back', from, to });
    },
  });
  const unheard = (): Promise<void> => Promise.resolve();
  const tell = options.tellSeen ?? unheard;
  const sightings = opened.use(createSightings({ log: callLog(config, audit), clock, tell, complain: log }));
  const secrets = opened.use(
    openSecrets({
      config: config.secrets,
      environment: process.env,
      clock,
      redactor,
      identity: () => identity.current(),
      tell: tellOfSecrets(audit, (line) => log(redactor.redact(line))),
      log,
    }),
  );
  const keeping = opened.use(
    keepLog({
      settings,
      folder: options.auditFolder,
      audit: redacted,
      publicKey: createPublicKey(options.auditKey),
      identity: () => identity.current(),
      retention: retentionRules(config.audit),
      secrets,
      clock,
      redactor,
      log,
    }),
  );
  kept = keeping;
  const approvals = gatewayApprovals(options.approvals ?? null, redactor);
  const { graceMilliseconds } = defaultUpstreamLimits;
  const warden = opened.use(createChildWarden({ graceMilliseconds, log }));
  const machine = lookOnce(process.env['PATH'] ?? '');
  const upstreams = opened.use(
    createUpstreamSet(
      (definition) =>
        createUpstream(definition, {
          clock,
          engine: config.http.engine,
          identity: () => identity.current(),
          log,
          redactor,
          secrets,
          warden,
          machine,
        }),
      log,
    ),
  );
  const tools = opened.use(
    composePins({
      view,
      upstreams,
      clock,
      trusted: config.gateway.toolsMilliseconds,
      self: leafUri(options.trustDomain, 'gateway', 'tools'),
      tell: options.tellTools ?? unheard,
      clean: redactor.redactJson,
      log: (line) => log(redactor.redact(line)),
    }),
  );
  const live = createLiveCalls();
  const ring = createKeyRing();
  const leaving = new AbortController();
  let draining = false;
  const memories = options.memories
    ? { ...options.memories, shared: () => null }
    : opened.use(
        await openGatewayMemories({
          ...options,
          secrets,
          audit,
          log: (line) => log(redactor.redact(line)),
        }),
      );
  const trusted = trustedClients({ trustDomain: options.trustDomain, identity, view, log });
  const keys = opened.use(new FetchedKeys(clock));
  const tokens = tokensInForce(view, () => config.gateway.publicUrl || agents.url);
  const gateway = createGateway({
    clock,
    audit: sightings.log,
    view: view.identity,
    policies: view.policies,
    upstream: upstreams.find,
    credentialOf: (server) => credentialKind(view, server),
    seal: ring.sessions,
    handles: ring.handles,
    tasks: createTaskLedger(),
    limits: createLimits({
      rules: limitsInForce(config, view),
      store: memories.limits,
      turns: createTurns({ clock, nextRound: setImmediate }),
      onLost: (error) => log(`A place of the limits was not given back: ${errorText(error)}`),
    }),
    tokens: createTokenGate({
      rules: tokens.rules,
      keys,
      ended: tokens.ended,
      nonces: createProofNonces(randomBytes(32), clock, () =>
        // Where gateways do not know together which proofs were used, each takes those with its own nonces alone.
        memories.shared() ? ring.proofKeys() : [],
      ),
      replays: memories.proofs,
      clock,
    }),
    guard: createAnswerGuard(redactor, {
      secrets: lazyLikelySecrets(),
      wants: (server) => view.servers().get(server)?.redact === 'likely',
    }),
    requestLimits: {
      bodyBytes: config.gateway.bodyBytes,
      bodyMilliseconds: config.gateway.bodyMilliseconds,
      json: { depth: config.gateway.jsonDepth, values: config.gateway.jsonValues },
    },
    live,
    approvals,
    approvalWait: config.gateway.approvalWaitMilliseconds,
    meter: timeCalls(meters),
    tracer: telemetry.tracer,
    toolHeaders: createToolHeaders(),
    toolPins: tools.pins,
    signedCalls: createSignedCalls({
      clock,
      nonces: memories.nonces,
      audit: sightings.log,
      required: (server) => asksForSignature(view, server),
      authorities: () => {
        const { certificate, clientAuthorities } = trusted();
        return [certificate, clientAuthorities].flatMap((pem) => decodePem(pem, 'CERTIFICATE'));
      },
    }),
    passports: createPassportGate({
      rules: view.passports,
      clock,
      done: memories.acts,
      gateway: () => config.gateway.publicUrl || agents.url,
    }),
    flow: createFlowGuard({ rules: view.flowRules, memory: memories.flow, view: view.identity }),
    leaving: leaving.signal,
    // The cause of a failure may quote what a server was sent.
    log: (line) => log(redactor.redact(line)),
    federation: {
      servers: () => view.servers().keys(),
      limits: {
        listMilliseconds: config.gateway.listMilliseconds,
        sessionsPerAgent: config.gateway.sessionsPerAgent,
        idleMilliseconds: config.gateway.sessionIdleMilliseconds,
        silentMilliseconds: config.gateway.silentStreamMilliseconds,
      },
      version,
    },
    settle: view.settle,
  });
  const agents = opened.use(
    await openAgentsListener({ ...options, audit, gateway, material: trusted() }, opened),
  );
  const retrust = (): void => {
    try {
      agents.replaceTls(trusted());
    } catch (error) {
      log(`No partner is trusted, because the authorities cannot be used: ${errorText(error)}`);
      agents.replaceTls(identity.current());
    }
  };
  identity.onRenewed(retrust);
  const review = (): void => void gateway.review(agents.connections());
  opened.adopt(
    view.onChange((message) => {
      upstreams.follow(view.servers());
      tools.follow();
      keys.keep(view.tokenRules().issuers);
      if (touchesPartners(message)) retrust();
      review();
      for (const caller of view.partners.takeLost()) upstreams.endCaller(caller);
      for (const name of agentsWithoutRight(message)) {
        upstreams.endCaller(leafUri(options.trustDomain, 'agent', name));
      }
    }),
    (stop) => stop(),
  );
  if (options.tellServers) {
    const states = (): readonly ServerState[] =>
      upstreams.health().map((one) => stateOfServer(one, redactor));
    opened.use(tellServerStates({ states, tell: options.tellServers, clock, complain: log }));
  }
  if (options.tellFlows) {
    const rows = async (): Promise<readonly RememberedLabel[]> => {
      const rules = view.flowRules();
      return rules ? await memories.flow.list(rules.remember) : [];
    };
    opened.use(tellFlows({ rows, tell: options.tellFlows, clock, complain: log }));
  }
  opened.adopt(setInterval(review, reviewMilliseconds), clearInterval);
  opened.adopt(
    await options.follow((message, saidAt) => {
      // Before anything is permitted by it.
      for (const order of flowOrdersIn(message)) void memories.flow.forget(order);
      if ('sealing' in message && message.sealing) ring.take(message.sealing);
      view.apply(message, saidAt);
      approvals.hear(message);
    }),
    (stop) => stop(),
  );
  const held = opened.move();
  const running: RunningGateway = {
    agents,
    view,
    audit,
    upstreams,
    kept: keeping,
    checkSecret: (reference) => checkSecret(secrets, config.secrets, redactor, reference),
    liveCalls: live.count,
    sharedMemory: memories.shared,
    draining: () => draining,
    async drain(acceptMilliseconds, graceMilliseconds) {
      draining = true;
      const onAccepted = (): void => leaving.abort();
      await agents.drain({ acceptMilliseconds, graceMilliseconds, onAccepted });
    },
    children: warden.count,
    certificate: () => identity.current().certificate,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
  watchLog(audit, telemetry, { name: 'gateway', folder: options.auditFolder });
  watchKeptLog(keeping, telemetry, clock);
  watchGateway(running, telemetry, clock);
  return running;
}

/** Logs are told apart by their origins, so that gateways with names have one each; a log that was begun keeps its own. */
async function originOfGateway({ auditFolder, trustDomain, name }: GatewayOptions): Promise<string> {
  const own = `${trustDomain}/gateway`;
  return (await originOf(auditFolder)) ?? (name === undefined ? own : `${own}/${name}`);
}

function callLog({ gateway }: Config, audit: AuditLog): CallLog {
  return gateway.audit === 'queued' ? queuedLog(audit) : audit;
}
