import type { BlockedKeys } from '../../ca/blocked-keys.ts';
import type { CertificateRecords } from '../../ca/certificate-records.ts';
import type { AcmeAccountRecords, AcmeKeyRecords, AcmeOrderRecords } from '../../enrol/acme/acme-records.ts';
import type { ApprovalRecords } from '../../enrol/approval/approval-records.ts';
import type { JoinTokenRecords } from '../../enrol/join-token/join-token-records.ts';
import type { ScepTransactions } from '../../enrol/scep/scep-transactions.ts';
import type { PersonRecord, PersonRecords } from '../../enrol/person/login-records.ts';
import type { BrowserSessions } from '../../oauth/people/browser-sessions.ts';
import type { Consents } from '../../oauth/people/consents.ts';
import type { Invitations } from '../../oauth/people/invitations.ts';
import type { Passkeys } from '../../oauth/people/passkeys.ts';
import type { PersonRegistry } from '../../oauth/people/person-registry.ts';
import type { UsedTokens } from '../../enrol/workload/used-tokens.ts';
import type { OauthRecords } from '../../oauth/server/oauth-records.ts';
import type { CallApprovalRecords } from '../approvals/call-approval-records.ts';
import type { AgentRecords } from './agent-records.ts';
import type { AlertRecords } from './alert-records.ts';
import type { CertificateEnds } from './certificate-ends.ts';
import type { ChangeFeed } from './change-feed.ts';
import type { FlowOrders } from './flow-orders.ts';
import type { PartnerRecords } from './partner-records.ts';
import type { ServerRecords } from './server-records.ts';
import type { ToolRecords } from './tool-records.ts';

/** Small facts about the whole state, by name. */
export interface StoreMeta {
  get(name: string): Promise<string | null>;
  set(name: string, value: string): Promise<void>;
  /** Sets it if it is `before`, null for none, in one step: of many callers, in any process, one. Whether it was set. */
  swap(name: string, before: string | null, value: string): Promise<boolean>;
}

/** People, whichever way they prove who they are. */
export interface PeopleOfStore extends PersonRecords, PersonRegistry {
  find(person: string): Promise<PersonRecord | null>;
  list(): Promise<readonly PersonRecord[]>;
  /** The person of an account at a provider; null for nobody's. */
  ofAccount(issuer: string, subject: string): Promise<string | null>;
}

/** Everything the authority remembers. */
export interface StoreRecords {
  readonly certificates: CertificateRecords;
  readonly blockedKeys: BlockedKeys;
  readonly joinTokens: JoinTokenRecords;
  readonly approvals: ApprovalRecords;
  readonly callApprovals: CallApprovalRecords;
  readonly acmeKeys: AcmeKeyRecords;
  readonly acmeAccounts: AcmeAccountRecords;
  readonly acmeOrders: AcmeOrderRecords;
  readonly usedTokens: UsedTokens;
  readonly scepTransactions: ScepTransactions;
  readonly people: PeopleOfStore;
  readonly passkeys: Passkeys;
  readonly invitations: Invitations;
  readonly browserSessions: BrowserSessions;
  readonly consents: Consents;
  readonly agents: AgentRecords;
  readonly servers: ServerRecords;
  readonly tools: ToolRecords;
  readonly partners: PartnerRecords;
  readonly flowOrders: FlowOrders;
  readonly ends: CertificateEnds;
  readonly alerts: AlertRecords;
  readonly oauth: OauthRecords;
  readonly changes: ChangeFeed;
  readonly meta: StoreMeta;
}

/** What remembers it. Closing it ends every use. */
export interface Store extends StoreRecords, AsyncDisposable {
  /** Whether other authorities may have it open at the same time. */
  readonly isShared: boolean;
  /** Writes a whole, consistent copy to a new file while the store stays in use. Fault `conflict` when it exists. */
  copyTo(file: string): Promise<void>;
}
