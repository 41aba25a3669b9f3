import type { AgentRecord } from '../../identity/agent-record.ts';
import type { IdentityView, SerialStatus } from '../../identity/identity-view.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { PassportRules } from '../../oauth/agent-passport/passport-rules.ts';
import type { FileTokenRules } from '../../oauth/resource/token-rules.ts';
import type { FlowRules } from '../../gateway/flow/flow-rules.ts';
import type { LimitRules } from '../../gateway/limit-rule.ts';
import type { SigningServers } from '../config/signed-calls-file.ts';
import type { PolicySet } from '../../policy/compile-policies.ts';
import type { ServerDefinition } from '../../upstream/server-definition.ts';
import type { CertificateStanding, Change } from '../store/change-feed.ts';
import type { FeedMessage, PolicyFile, TokenTrust } from './feed-message.ts';
import { KeptRefusals } from './kept-refusals.ts';
import { KnownPins } from './known-pins.ts';
import { createPartnerDirectory, type PartnerDirectory } from './partner-directory.ts';
import { EndedTokens } from './ended-tokens.ts';
import { type PolicyRules, readPolicyFiles, readPolicyFilesInTurns } from './policy-rules.ts';

// Policies of this length, in UTF-16 units, are compiled before the next request. More are compiled in turns with the
// requests, and the ones in force stay until then; at the start these are none, which permit nothing.
const longestAtOnce = 65_536;

/** What a gateway knows of the registry: a copy kept current by the feed, and too old to use when the feed falls silent. */
export interface RegistryView {
  readonly identity: IdentityView;
  policies(): PolicySet;
  /** The limits of the policy folder; another value whenever the folder changed. */
  limits(): LimitRules;
  /** The labels of the policy folder; null where nothing has one. */
  flowRules(): FlowRules | null;
  /** The servers whose calls have to be signed. */
  signingServers(): SigningServers;
  /** Whose Agent Passports count, and where they are wanted. */
  passports(): PassportRules;
  /** The token rules of the policy folder; another value whenever the folder changed. */
  tokenRules(): FileTokenRules;
  servers(): ReadonlyMap<string, ServerDefinition>;
  readonly partners: Pick<PartnerDirectory, 'all' | 'takeLost'>;
  /** Where the tools of servers stand. */
  readonly pins: Pick<KnownPins, 'find' | 'version'>;
  /** Who issues the authority's access tokens; null while nobody does. */
  tokens(): TokenTrust | null;
  /** The tokens of that issuer that count no longer. */
  readonly ended: Pick<EndedTokens, 'isEnded'>;
  /** Takes one message of the feed, said at that time of the monotonic clock: now unless given. */
  apply(message: FeedMessage, saidAt?: number): void;
  /** Waits until the serial is known, at most the given milliseconds. */
  settle(serial: string, milliseconds: number): Promise<void>;
  /** Calls the listener after every message that changed something. Returns how to stop. */
  onChange(listener: (message: FeedMessage) => void): () => void;
  /** Whether it may be used: it was heard of recently enough. */
  isFresh(): boolean;
  /** Milliseconds since the authority was last heard; null before it was. */
  silence(): number | null;
  /** The last sequence number heard, 0 before the first snapshot. */
  sequence(): number;
  /** How often a snapshot was older than what had been heard before. */
  timesWentBack(): number;
}

/**
 * `staleness` in milliseconds: how long the view may be used without a word from the authority. `onWentBack` is told of the sequence
 * that was heard last and of the older one of a snapshot; whoever was refused stays refused until a change says otherwise.
 */
export function createRegistryView(options: {
  readonly trustDomain: string;
  readonly clock: Clock;
  readonly staleness: number;
  readonly onWentBack?: (from: number, to: number) => void;
}): RegistryView {
  const agents = new Map<string, AgentRecord>();
  const certificates = new Map<string, CertificateStanding>();
  const endedCertificates = new EndedCertificates(certificates);
  const servers = new Map<string, ServerDefinition>();
  const partners = createPartnerDirectory();
  const listeners = new Set<(message: FeedMessage) => void>();
  let { policies, limits, signingServers, passports, tokens: tokenRules, flows } = readPolicyFiles([]);
  let sequence = 0;
  let heardAt: number | null = null;
  /** The time of day that the authority said last, and when that came, by our monotonic clock. */
  let told: { readonly time: number; readonly at: number } | null = null;
  let tokens: TokenTrust | null = null;
  const ended = new EndedTokens();
  const kept = new KeptRefusals();
  const pins = new KnownPins();
  let timesWentBack = 0;

  let newest: readonly PolicyFile[] = [];
  const take = (next: PolicyRules): void => {
    if (next.policies.version !== policies.version) policies = next.policies;
    limits = next.limits;
    signingServers = next.signingServers;
    passports = next.passports;
    tokenRules = next.tokens;
    flows = next.flows;
  };
  const takePolicies = (message: FeedMessage & { readonly policies: readonly PolicyFile[] }): void => {
    const files = message.policies;
    newest = files;
    // The authority publishes only policies that compile; should this copy not, nothing is permitted.
    if (lengthOf(files) <= longestAtOnce) {
      take(readPolicyFiles(files, policies));
      return;
    }
    const later = (next: PolicyRules): void => {
      if (newest !== files) return;
      take(next);
      for (const listener of listeners) listener(message);
    };
    readPolicyFilesInTurns(files, policies).then(later, () => later(readPolicyFiles([])));
  };
  const takeChange = (change: Change): void => {
    kept.heard(change);
    switch (change.kind) {
      case 'agent':
        put(agents, change.key, change.value);
        break;
      case 'certificate':
        put(certificates, change.key, change.value);
        endedCertificates.forget(options.clock.now());
        break;
      case 'server':
        put(servers, change.key, change.value);
        break;
      case 'partner':
        partners.put(change.key, change.value);
        break;
      case 'flow-order':
        // Heard by the memory of flows.
        break;
      case 'token-end':
        if (change.value) ended.add(change.value, options.clock.now());
        break;
      case 'tool':
        pins.put(change.key, change.value);
        break;
    }
    sequence = change.sequence;
  };
  const takeSnapshot = ({ registry }: FeedMessage & { readonly type: 'snapshot' }): void => {
    const known = { certificates, agents };
    if (registry.sequence < sequence) {
      kept.keep(known);
      kept.keepAway(registry.partners ?? [], partners.all());
      timesWentBack += 1;
      options.onWentBack?.(sequence, registry.sequence);
    }
    agents.clear();
    certificates.clear();
    servers.clear();
    for (const agent of registry.agents) agents.set(agent.name, agent);
    for (const certificate of registry.certificates) certificates.set(certificate.serial, certificate);
    for (const server of registry.servers) servers.set(server.name, server);
    partners.clear();
    // An authority from before there were partners says nothing of them.
    for (const partner of kept.without(registry.partners ?? [])) partners.put(partner.name, partner);
    kept.layOver(known, options.clock.now());
    // Never fewer than before: nothing brings an ended token back.
    for (const end of registry.tokenEnds ?? []) ended.add(end, options.clock.now());
    pins.replace(registry.tools ?? [], registry.sequence < sequence);
    sequence = registry.sequence;
  };
  const apply = (message: FeedMessage, saidAt = options.clock.monotonic()): void => {
    switch (message.type) {
      case 'snapshot':
        takeSnapshot(message);
        takePolicies(message);
        tokens = message.trust?.tokens ?? null;
        break;
      case 'resumed':
        takePolicies(message);
        tokens = message.trust.tokens ?? null;
        break;
      case 'change':
        takeChange(message.change);
        break;
      case 'policies':
        takePolicies(message);
        break;
      case 'heartbeat':
        if (message.trust) tokens = message.trust.tokens ?? null;
        break;
    }
    heardAt = Math.max(heardAt ?? saidAt, saidAt);
    if ('stamp' in message && message.stamp) {
      told = { time: message.stamp.time, at: options.clock.monotonic() };
    }
    if (message.type !== 'heartbeat') for (const listener of listeners) listener(message);
  };
  const silence = (): number | null => (heardAt === null ? null : options.clock.monotonic() - heardAt);
  const isFresh = (): boolean => heardAt !== null && options.clock.monotonic() - heardAt <= options.staleness;
  return {
    identity: {
      trustDomain: options.trustDomain,
      // No agent of ours has a name with a colon.
      agent: (name) => agents.get(name) ?? (name.includes(':') ? partners.agent(name) : null),
      partner: partners.of,
      serialStatus: (serial, thumbprint) => statusOf(certificates.get(serial), thumbprint),
      inHardware: (serial) => certificates.get(serial)?.hardware === true,
      profileOf: (serial) => certificates.get(serial)?.kind ?? null,
      fresh: isFresh,
      // It was said before it came, so the authority's time is at least that, and what has gone by since.
      behind: (now) => (told ? Math.max(0, told.time + options.clock.monotonic() - told.at - now) : 0),
    },
    policies: () => policies,
    limits: () => limits,
    signingServers: () => signingServers,
    passports: () => passports,
    flowRules: () => flows,
    tokenRules: () => tokenRules,
    servers: () => servers,
    partners,
    tokens: () => tokens,
    pins,
    ended,
    apply,
    async settle(serial, milliseconds) {
      if (certificates.has(serial)) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(done, milliseconds);
        const listener = (): void => {
          if (certificates.has(serial)) done();
        };
        function done(): void {
          clearTimeout(timer);
          listeners.delete(listener);
          resolve();
        }
        listeners.add(listener);
      });
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    isFresh,
    silence,
    sequence: () => sequence,
    timesWentBack: () => timesWentBack,
  };
}

function lengthOf(files: readonly PolicyFile[]): number {
  return files.reduce((sum, { text }) => sum + text.length, 0);
}

function put<Value>(map: Map<string, Value>, key: string, value: Value | null): void {
  if (value === null) map.delete(key);
  else map.set(key, value);
}

/** How long an ended certificate is remembered, in milliseconds: past every clock difference. */
const memory = 10 * 60_000;

/** How many certificates are looked at with each change: more than a change adds, so that what has ended does not pile up. */
const looksPerChange = 8;

/**
 * Forgets certificates that ended long ago and cannot pass the check on validity: renewals would pile them up. Each call goes on
 * where the last one stopped, round after round, so that those that live long do not stand before the others.
 */
class EndedCertificates {
  private readonly certificates: Map<string, CertificateStanding>;
  private round: MapIterator<[string, CertificateStanding]>;

  constructor(certificates: Map<string, CertificateStanding>) {
    this.certificates = certificates;
    this.round = certificates.entries();
  }

  forget(now: number): void {
    for (let looks = 0; looks < looksPerChange; looks += 1) {
      const next = this.round.next();
      if (next.done) {
        this.round = this.certificates.entries();
        return;
      }
      const [serial, { notAfter }] = next.value;
      if (notAfter < now - memory) this.certificates.delete(serial);
    }
  }
}

function statusOf(certificate: CertificateStanding | undefined, thumbprint: string): SerialStatus {
  if (!certificate) return 'unknown';
  switch (certificate.state) {
    case 'issued':
      return certificate.thumbprint === thumbprint ? 'good' : 'unknown';
    case 'revoked':
      return 'revoked';
    default:
      return 'unknown';
  }
}
