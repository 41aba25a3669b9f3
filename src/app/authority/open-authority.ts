import { openLogWitness } from './log-witness.ts';
import { createPublicKey, type KeyObject } from 'node:crypto';
import { createBoundedRecord } from '../../audit/bounded-record.ts';
import { checkpointSigner } from '../../audit/checkpoint.ts';
import { type AuditLog, openAuditLog } from '../../audit/log.ts';
import { LogReader } from '../../audit/log-reader.ts';
import type { CertificateAuthority } from '../../ca/certificate-authority.ts';
import { rootsOf } from '../../ca/issuer.ts';
import { recoverIssuance } from '../../ca/recover.ts';
import { entryCipher } from '../../oauth/server/entry-cipher.ts';
import { bindingSecrets } from '../../enrol/acme/external-account.ts';
import { callApprovalQueue } from '../approvals/call-approval-queue.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { HolderLimits } from '../../secrets/holder-limits.ts';
import { type ConfiguredProvider, readPeople } from '../config/people-file.ts';
import { type ConfiguredIssuer, readWorkloads } from '../config/workloads-file.ts';
import { trustOf } from '../feed/trust-of.ts';
import { createLocalFeed } from '../feed/local-feed.ts';
import type { FeedTrust } from '../feed/feed-message.ts';
import { originOf } from '../peers/instance-file.ts';
import { sharedPolicies } from '../peers/shared-policies.ts';
import { sharedText } from '../peers/shared-text.ts';
import { openPolicies } from '../policies/open-policies.ts';
import { callApprovalsOf, tokensOf } from '../feed/policy-rules.ts';
import type { Store } from '../store/store.ts';
import { administered } from './administered.ts';
import { settleRestoration } from './after-restore.ts';
import { announcedTokens } from './announced-tokens.ts';
import { openAssertions } from './assertions.ts';
import { openAttestations } from './attestations.ts';
import type { Authority } from './authority.ts';
import type { DataFolder } from './data-folder.ts';
import {
  beatsOf,
  giveUpForTheDead,
  onlyWhileCurrent,
  refreshRoots,
  tellOthersDecisions,
} from './follow-others.ts';
import { openIssuance } from './issuance-checks.ts';
import { joinStore } from './join-store.ts';
import { type IssuersDisk, issuersDisk } from './issuers-disk.ts';
import { type IssuersWorld, openIssuers } from './open-issuers.ts';
import { ownBundle } from './own-bundle.ts';
import { openPartners } from './partners.ts';
import { openRegisteredClients } from './registered-clients.ts';
import { refuseLostIssuers } from './refuse-lost-issuers.ts';
import { openRotation } from './rotation.ts';
import { publicationOf } from './publication-of.ts';
import { openRegistrationKey } from './registration-key.ts';
import { openRootCrl } from './root-crl.ts';
import { openRootOcsp } from './root-ocsp.ts';
import { openState } from './open-state.ts';
import { holdDataFolder } from './running-authority.ts';
import { openPeople } from './people.ts';
import { readKeyFile } from './signing-key-file.ts';
import { openSealingSecrets, type SealingTimes, usualSealingTimes } from './sealing-secrets.ts';
import { storeId } from './store-id.ts';
import { TokenIssuersFile } from './token-issuers-file.ts';
import { createRedactor, type Redactor } from '../../secrets/redact.ts';
import { redactedLog } from '../compose/redacted-log.ts';
import { namingLog, readMarker, refuseLostState } from './whole-folder.ts';

/**
 * Opens the authority of a data folder for this process: lock, keys, state, log, policies; then settles what a crash
 * left behind. Throws Fault `authority_missing`, `state_locked`, `state_damaged`, `passphrase_wrong`, `file_mode`, ….
 */
export async function openAuthority(options: {
  readonly data: DataFolder;
  readonly passphrase: () => Promise<string>;
  readonly clock: Clock;
  readonly log: (line: string) => void;
  /** `new` makes state and log; otherwise an authority without them has lost them. */
  readonly state?: 'kept' | 'new';
  /** For the credentials of whoever holds the signing key; that of the process unless given. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Learns every secret that is used, and cuts them out of the record; one of its own unless given. */
  readonly redactor?: Redactor;
  /** How long whoever holds the signing key is waited for; 10 s at most unless given. */
  readonly holderLimits?: HolderLimits;
  /** How long after its end a certificate may still be renewed, in milliseconds; none unless given. */
  readonly renewalGrace?: number;
  /** How many agents one may enrol below itself; none unless given. */
  readonly subAgents?: number;
  /** How rotations change files; the machine's own disk unless given. */
  readonly disk?: IssuersDisk;
  /** Where others reach the plain listener, '' for nowhere; what was last said unless given. */
  readonly publicUrl?: string;
  /** Whether policies that may allow more take force at once; what was last said unless given. */
  readonly widerPolicies?: 'at-once' | 'wait';
  /** How long gateways seal with one secret, and how long it is kept. */
  readonly sealing?: SealingTimes;
  /** A store that is open already, and that the caller closes; that of the folder unless given. */
  readonly store?: Store;
  /** Whether the key of the registration authority of SCEP is opened, and made when there is none. */
  readonly registration?: boolean;
  /** Puts something before the log, such as a count of what is recorded. */
  readonly before?: (log: AuditLog) => AuditLog;
}): Promise<Authority> {
  const { data, clock, log } = options;
  const { redactor = createRedactor(clock) } = options;
  const trustDomain = await readMarker(data);
  await using opened = new AsyncDisposableStack();
  opened.use(holdDataFolder(data));
  if (options.state !== 'new') await refuseLostState(data, options.store === undefined);
  const passphrase = await options.passphrase();
  // At once: each costs half a second on purpose.
  redactor.learn(passphrase);
  const world = issuersWorld({ ...options, redactor, trustDomain, passphrase });
  const [issuers, auditKey, registrationKey] = await Promise.all([
    openIssuers(world, opened),
    readKeyFile(data.auditKey, passphrase),
    options.registration === true ? openRegistrationKey(data.registrationKey, passphrase) : null,
  ]);
  const missing = options.state === 'new' ? 'create' : 'refuse';
  const { environment } = world;
  const store =
    options.store ?? opened.use(await openState(data, { clock, environment, redactor, log }, missing));
  const among = { ...world, store, issuers, auditKey, registrationKey };
  const { peers, instance } = await joinStore(among, opened);
  await refuseLostIssuers(store.meta, issuers, data);
  // After everything that may refuse: it writes that it was opened.
  const origin = originOf(`${trustDomain}/authority`, instance);
  const written = opened.use(
    await openAuditLog({
      folder: data.authorityLog,
      origin,
      clock,
      signer: checkpointSigner(origin, auditKey),
    }).catch((error: unknown) => {
      throw namingLog(data.authorityLog, error);
    }),
  );
  const { before = (log: AuditLog): AuditLog => log } = options;
  const audit = before(redactedLog(written, redactor));
  await settleRestoration(data, { facts: store.meta, audit });
  const issuanceLog = readerOf(data, audit, auditKey);
  const shared =
    peers.self === null ? null : sharedPolicies(sharedText(store.meta, auditKey, 'policies'), log);
  const policies = opened.use(
    await openPolicies({
      data,
      store,
      audit,
      clock,
      log,
      setting: options.widerPolicies,
      publish: (files) => feed.publishPolicies(files),
      ...(shared && { shared }),
    }),
  );
  if (shared) opened.defer(peers.onBeat(() => shared.look(policies.adopt)));
  const tokens = announcedTokens({ store, secrets: entryCipher(auditKey).secrets, clock });
  const trust = (): FeedTrust => ({ ...trustOf(issuers.all()), ...tokens.trust() });
  const id = await storeId(store.meta);
  const sealing = opened.use(
    await openSealingSecrets({
      key: auditKey,
      storeId: id,
      store,
      times: options.sealing ?? usualSealingTimes,
      clock,
      onChange: () => feed.publishSealing(),
      log,
    }),
  );
  const told = { ...store, id, sealing: sealing.current };
  const feed = opened.use(
    createLocalFeed(told, policies.current, trust, {
      clock,
      ...(peers.self !== null && { beats: beatsOf(peers, store) }),
    }),
  );
  opened.defer(issuers.onChange(feed.publishTrust));
  const strangers = opened.use(createBoundedRecord(audit, { type: 'join-tokens.refused' }));
  const workloads = {
    issuers: opened.use(await openWorkloads(data, clock)),
    strangers: opened.use(createBoundedRecord(audit, { type: 'workloads.refused' })),
  };
  const tokenClients = opened.use(await openRegisteredClients(data.clients, clock));
  const issuance = opened.use(await openIssuance({ data, store, audit, environment, redactor, clock }));
  const people = opened.use(
    await openPeople({ data, store, audit, clock, key: auditKey, environment, redactor }),
  );
  const providers = opened.use(new TokenIssuersFile<ConfiguredProvider>(data.people, readPeople, clock));
  const attestations = opened.use(await openAttestations(data.attestation));
  const facts = peers.self === null ? {} : { facts: store.meta };
  const rootCrl = await openRootCrl({ data, issuers, records: store.certificates, audit, clock, ...facts });
  const rootOcsp = await openRootOcsp({ issuers, rootCrl, meta: store.meta, clock });
  opened.defer(refreshRoots(peers, [rootCrl, rootOcsp]));
  const urlsOf = await publicationOf(store, options.publicUrl);
  const ca: CertificateAuthority = {
    get issuer() {
      return issuers.issuing();
    },
    issuers: issuers.all,
    records: store.certificates,
    agents: store.agents,
    revokesIssuer: rootCrl.revokesIssuer,
    blockedKeys: store.blockedKeys,
    checks: [...issuance.checks, onlyWhileCurrent(peers)],
    audit,
    clock,
    instance: peers.self,
    get urls() {
      return urlsOf(issuers.issuing());
    },
  };
  const callApprovals = callApprovalQueue({
    rules: () => callApprovalsOf(policies.current()),
    records: store.callApprovals,
    agents: store.agents,
    audit,
    clock,
    tell: feed.publishDecided,
  });
  opened.defer(tellOthersDecisions(store.callApprovals, callApprovals, { peers, tell: feed.publishDecided }));
  await recoverIssuance(ca, peers.isGone.bind(peers));
  opened.defer(giveUpForTheDead(ca, peers));
  const held = opened.move();
  return {
    ...administered({
      ca,
      urlsOf,
      store,
      audit,
      strangers,
      workloads,
      issuance: issuance.file,
      queue: issuance.queue,
      people,
      clock,
      feed,
      renewalGrace: options.renewalGrace ?? 0,
      subAgents: options.subAgents ?? 0,
    }),
    get issuer() {
      return issuers.issuing();
    },
    issuers,
    urlsOf,
    peers,
    rotation: openRotation({ ...world, issuers, store, audit, peers }),
    auditKey,
    issuanceLog,
    witness: await openLogWitness({ folder: data.witness, meta: store.meta, trustDomain, auditKey, clock }),
    registrationKey,
    tokenSecrets: entryCipher(auditKey),
    assertions: openAssertions({
      trustDomain,
      workloads: { ...workloads, used: store.usedTokens, clock, audit },
      providers,
      store,
      clock,
    }),
    tokenClients,
    announceTokens(trusted, rotate) {
      tokens.announce(trusted, rotate);
      feed.publishTrust();
    },
    rotateTokenKey: tokens.rotate,
    rootCrl,
    rootOcsp,
    attestations,
    partners: openPartners({
      trustDomain,
      own: () => issuers.all().flatMap(({ chain }) => chain),
      store,
      audit,
      clock,
    }),
    callApprovals,
    bundle: () => ownBundle(rootsOf(issuers.all()), { meta: store.meta, clock }),
    bindingSecrets: bindingSecrets(auditKey),
    policyProblem: policies.problem,
    policies,
    tokenRules: () => tokensOf(policies.current()),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

function readerOf({ authorityLog: folder }: DataFolder, audit: AuditLog, key: KeyObject): LogReader {
  const { origin } = audit;
  return new LogReader({ folder, origin, publicKey: createPublicKey(key), sign: () => audit.checkpoint() });
}

/** A file that is wrong from the start is told now, not to the first workload. */
async function openWorkloads(data: DataFolder, clock: Clock): Promise<TokenIssuersFile<ConfiguredIssuer>> {
  const file = new TokenIssuersFile(data.workloads, readWorkloads, clock);
  await file.list();
  return file;
}

function issuersWorld(
  options: Omit<Parameters<typeof openAuthority>[0], 'passphrase'> &
    Pick<IssuersWorld, 'trustDomain' | 'passphrase'>,
): IssuersWorld {
  const { environment = process.env, disk = issuersDisk, ...rest } = options;
  return { ...rest, environment, disk };
}
