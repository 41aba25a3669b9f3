import type { KeyObject } from 'node:crypto';
import type { checkDevices } from '../../enrol/device/device-round.ts';
import type { AuditLog } from '../../audit/log.ts';
import type { LogReader } from '../../audit/log-reader.ts';
import type { CertificateAuthority } from '../../ca/certificate-authority.ts';
import type { CertificateRecord } from '../../ca/certificate-records.ts';
import type { Issuer } from '../../ca/issuer.ts';
import type { Attestations, SubjectStates } from '../../enrol/acme/acme-parts.ts';
import type { BindingSecrets } from '../../enrol/acme/external-account.ts';
import type { PublicationUrls } from '../../ca/publication-urls.ts';
import type { ApprovalRecord, Decision } from '../../enrol/approval/approval-records.ts';
import type { Delivery } from '../../enrol/delivery.ts';
import type { JoinTokenOrder } from '../../enrol/join-token/create-join-token.ts';
import type { SubAgentOrder } from '../../enrol/sub-agent/enrol-sub-agent.ts';
import type { AgentRecord } from '../../identity/agent-record.ts';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Fault } from '../../kernel/fault.ts';
import type { ServerDefinition } from '../../upstream/server-definition.ts';
import type { LeafKind } from '../../x509/leaf-profile.ts';
import type { RevocationReason } from '../../x509/revocation-reason.ts';
import type { Assertions } from '../../oauth/server/assertions.ts';
import type { FileTokenRules } from '../../oauth/resource/token-rules.ts';
import type { RegisteredClients } from '../../oauth/server/registered-clients.ts';
import type { EntryCipher } from '../../oauth/server/entry-cipher.ts';
import type { TokenKeys } from '../../oauth/server/token-keys.ts';
import type { CallApprovalQueue } from '../approvals/call-approval-queue.ts';
import type { Feed, TokenTrust } from '../feed/feed-message.ts';
import type { FailingRenewals } from '../expiry/failing-renewals.ts';
import type { SecretChecks } from '../feed/secret-checks.ts';
import type { Peers } from '../peers/peers.ts';
import type { PolicyControl } from '../policies/open-policies.ts';
import type { FlowReports } from '../feed/flow-reports.ts';
import type { ServerStates } from '../feed/server-states.ts';
import type { Seen } from '../feed/sightings.ts';
import type { ChangingFile } from './changing-file.ts';
import type { RunningRules } from './issuance-rules.ts';
import type { LogWitness } from './log-witness.ts';
import type { Issuers } from './open-issuers.ts';
import type { People, PersonLoginOrder } from './people.ts';
import type { Partners } from './partners.ts';
import type { RootCrl } from './root-crl.ts';
import type { RootOcsp } from './root-ocsp.ts';
import type { Rotation } from './rotation.ts';
import type { Revocations } from './revocations.ts';
import type { Store } from '../store/store.ts';
import type { ToolCatalogue } from '../tools/catalogue.ts';

/** What a certificate is asked for by an administrator. */
export interface IssueOrder {
  readonly name: string;
  readonly kind: LeafKind;
  /** PKCS #10 in PEM: the key is made where the certificate will live. */
  readonly csr: string;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly minutes?: number | undefined;
}

/** A certificate that the authority gives to a part of its own process. */
export interface OwnIssuance {
  /** Another issuer that counts than the one that signs now. */
  readonly issuer?: Issuer;
  /** The serial of the one before. */
  readonly replaces?: string | undefined;
}

/** What a revocation names: one certificate, or every certificate of a name. */
export interface RevocationOrder {
  readonly serial?: string | undefined;
  readonly name?: string | undefined;
  readonly reason: string;
  /** As CRLs say it; `unspecified` unless given. */
  readonly revocation?: RevocationReason | undefined;
}

/** A join token and what it was made for; the text is shown once and never stored. */
export interface JoinToken {
  readonly token: string;
  readonly id: string;
  readonly name: string;
  readonly kind: LeafKind;
  readonly expiresAt: number;
  /** SHA-256 of the root certificate, `sha256:<hex>`, for the one who joins to check. */
  readonly rootFingerprint: string;
}

/** The certificate authority at work: its state, and what can be asked of it. */
export interface Authority extends AsyncDisposable {
  readonly clock: Clock;
  readonly store: Store;
  readonly audit: AuditLog;
  /** Renewals that fail, counted. */
  readonly renewals: FailingRenewals;
  /** The same log, as others read and verify it. */
  readonly issuanceLog: LogReader;
  /** Signs the checkpoints of its gateways' logs. */
  readonly witness: LogWitness;
  /** Who signs now. */
  readonly issuer: Issuer;
  /** What the doors issue with. */
  readonly ca: CertificateAuthority;
  /** That one, and those that count beside it while it is being replaced. */
  readonly issuers: Pick<Issuers, 'issuing' | 'all' | 'onChange'>;
  /** The authorities of the store. */
  readonly peers: Peers;
  readonly rotation: Rotation;
  /** What new certificates of an issuer say of where their standing is published; null when they say nothing. */
  readonly urlsOf: (issuer: Issuer) => PublicationUrls | null;
  readonly feed: Feed;
  readonly serverStates: ServerStates;
  /** What gateways told of what agents have used. */
  readonly flowReports: FlowReports;
  readonly secretChecks: SecretChecks;
  readonly tools: ToolCatalogue;
  /** Whether an agent or a server may have certificates. */
  readonly subjects: SubjectStates;
  /** Whose attestations of devices count. */
  readonly attestations: Attestations;
  /** Makes the secrets of external account keys. */
  readonly bindingSecrets: BindingSecrets;
  /** The Ed25519 key that signs the checkpoints of this machine's logs. */
  readonly auditKey: KeyObject;
  /** Keeps what the authorization server stores secret. */
  readonly tokenSecrets: EntryCipher;
  /** JWTs of others as grants of access tokens. */
  readonly assertions: Assertions;
  /** Clients of the authorization server that `clients.yaml` names. */
  readonly tokenClients: RegisteredClients;
  /** Tells the gateways whose access tokens count, and who replaces the key that signs them. */
  announceTokens(trust: TokenTrust, rotate: TokenKeys['rotate']): void;
  /** Another key signs access tokens from now on. Throws Fault `conflict`. */
  rotateTokenKey: TokenKeys['rotate'];
  /** The RSA key of the registration authority of SCEP, or null when that is switched off. */
  readonly registrationKey: KeyObject | null;
  /** Why the policies on disk are not the ones in force, or null. */
  policyProblem(): Fault | null;
  /** The policies in force, and those that wait for another administrator. */
  readonly policies: PolicyControl;
  /** What servers want of tokens, as the policy folder says it now. */
  tokenRules(): FileTokenRules;
  describe(): AuthorityDescription;
  addAgent(
    agent: Pick<AgentRecord, 'name' | 'owner' | 'purpose' | 'roles' | 'buildDigest' | 'device'>,
  ): Promise<AgentRecord>;
  changeAgentState(name: string, state: AgentRecord['state'], reason: string): Promise<AgentRecord>;
  changeAgentRoles(name: string, roles: readonly string[]): Promise<AgentRecord>;
  changeAgentDevice(name: string, device: string | null): Promise<AgentRecord>;
  /** Notes when agents were last admitted by a gateway. */
  agentsSeen(seen: Seen): Promise<void>;
  putServer(definition: ServerDefinition, replace: boolean): Promise<ServerDefinition>;
  removeServer(name: string): Promise<void>;
  /** `own`: for this process itself, which no check is asked about. */
  issueFor(order: IssueOrder, actor: string, own?: OwnIssuance): Promise<Delivery>;
  /** `address`: where the request came from, for the log. */
  redeem(token: string, csr: string, address: string): Promise<Delivery>;
  /** `token`: the JWT that its platform gave to a workload. */
  enrolWorkload(token: string, csr: string, address: string): Promise<Delivery>;
  /** The ID token of a person who logged in, for an agent of theirs. */
  enrolPerson(order: PersonLoginOrder): Promise<Delivery>;
  /** An agent below the one that asks. */
  enrolSubAgent(order: SubAgentOrder): Promise<Delivery>;
  readonly people: Pick<People, 'offers' | 'explain' | 'door' | 'atProviders' | 'scopesOf'>;
  renew(current: CertificateRecord, csr: string): Promise<Delivery>;
  readonly revocations: Revocations;
  /** What is asked for before a certificate is issued. */
  readonly issuance: Pick<ChangingFile<RunningRules>, 'current'>;
  /** Grants or refuses a request that waits. Fault `not_found`, `conflict`, `denied`. */
  decide(id: string, decision: Decision): Promise<ApprovalRecord>;
  /** The calls that policy asks somebody about. */
  readonly callApprovals: CallApprovalQueue;
  /** Asks about every device with a live certificate; null when devices need not be compliant. */
  checkDevices(signal: AbortSignal): Promise<Awaited<ReturnType<typeof checkDevices>> | null>;
  readonly rootCrl: RootCrl;
  readonly rootOcsp: RootOcsp;
  readonly partners: Partners;
  /** What partners know us by: a SPIFFE bundle of our roots. */
  bundle(): Promise<JsonObject>;
  revoke(order: RevocationOrder, actor: string): Promise<{ readonly revoked: readonly string[] }>;
  createJoinToken(
    order: Pick<IssueOrder, 'name' | 'kind' | 'dnsNames' | 'ipAddresses'> & {
      readonly minutes: number;
      /** Makes it a batch token, and the name a pattern. */
      readonly batch?: NonNullable<JoinTokenOrder['batch']> | null;
    },
    actor: string,
  ): Promise<JoinToken>;
  /** False when it was used up or over before. Fault `not_found`. */
  endJoinToken(id: string, actor: string): Promise<boolean>;
}

/** What anybody may know of an authority. */
export interface AuthorityDescription {
  readonly trustDomain: string;
  readonly rootFingerprint: string;
  readonly roots: string;
  readonly rootNotAfter: number;
  readonly intermediateNotAfter: number;
}
