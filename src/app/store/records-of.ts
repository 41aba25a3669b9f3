import type { Clock } from '../../kernel/clock.ts';
import type { Connection } from './connection.ts';
import { acmeAccountRecords, acmeKeyRecords } from './records/acme-accounts.ts';
import { acmeOrderRecords } from './records/acme-orders.ts';
import { agentRecords } from './records/agents.ts';
import { alertRecords } from './records/alerts.ts';
import { approvalRecords } from './records/approvals.ts';
import { blockedKeys } from './records/blocked-keys.ts';
import { browserSessions } from './records/browser-sessions.ts';
import { callApprovalRecords } from './records/call-approvals.ts';
import { certificateEnds } from './records/certificate-ends.ts';
import { certificateRecords } from './records/certificates.ts';
import { changeFeed } from './records/changes.ts';
import { consentRecords } from './records/consents.ts';
import { flowOrders } from './records/flow-orders.ts';
import { invitationRecords } from './records/invitations.ts';
import { joinTokenRecords } from './records/join-tokens.ts';
import { storeMeta } from './records/meta.ts';
import { oauthRecords } from './records/oauth-tokens.ts';
import { partnerRecords } from './records/partners.ts';
import { passkeyRecords } from './records/passkeys.ts';
import { personRecords } from './records/people.ts';
import { scepTransactions } from './records/scep-transactions.ts';
import { serverRecords } from './records/servers.ts';
import { toolRecords } from './records/tools.ts';
import { usedTokens } from './records/used-tokens.ts';
import type { StoreRecords } from './store.ts';

/** Every record of the store over one database, of whichever kind it is. */
export function recordsOf(connection: Connection, clock: Clock): StoreRecords {
  return {
    certificates: certificateRecords(connection),
    blockedKeys: blockedKeys(connection),
    joinTokens: joinTokenRecords(connection),
    approvals: approvalRecords(connection),
    callApprovals: callApprovalRecords(connection),
    acmeKeys: acmeKeyRecords(connection),
    acmeAccounts: acmeAccountRecords(connection),
    acmeOrders: acmeOrderRecords(connection),
    usedTokens: usedTokens(connection),
    scepTransactions: scepTransactions(connection),
    people: personRecords(connection),
    passkeys: passkeyRecords(connection),
    invitations: invitationRecords(connection),
    browserSessions: browserSessions(connection),
    consents: consentRecords(connection),
    agents: agentRecords(connection),
    servers: serverRecords(connection),
    tools: toolRecords(connection),
    partners: partnerRecords(connection),
    flowOrders: flowOrders(connection),
    ends: certificateEnds(connection),
    alerts: alertRecords(connection),
    oauth: oauthRecords(connection),
    changes: changeFeed(connection, clock),
    meta: storeMeta(connection),
  };
}
