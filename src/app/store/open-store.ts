import { open } from 'node:fs/promises';
import { backup } from 'node:sqlite';
import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import { acmeAccountRecords, acmeKeyRecords } from './sqlite/acme-accounts.ts';
import { acmeOrderRecords } from './sqlite/acme-orders.ts';
import { agentRecords } from './sqlite/agents.ts';
import { alertRecords } from './sqlite/alerts.ts';
import { browserSessions } from './sqlite/browser-sessions.ts';
import { blockedKeys } from './sqlite/blocked-keys.ts';
import { certificateEnds } from './sqlite/certificate-ends.ts';
import { certificateRecords } from './sqlite/certificates.ts';
import { consentRecords } from './sqlite/consents.ts';
import { changeFeed, dropOldChanges } from './sqlite/changes.ts';
import { connect } from './sqlite/connection.ts';
import { approvalRecords } from './sqlite/approvals.ts';
import { callApprovalRecords } from './sqlite/call-approvals.ts';
import { invitationRecords } from './sqlite/invitations.ts';
import { joinTokenRecords } from './sqlite/join-tokens.ts';
import { storeMeta } from './sqlite/meta.ts';
import { oauthRecords } from './sqlite/oauth-tokens.ts';
import { openDatabase } from './sqlite/open-database.ts';
import { scepTransactions } from './sqlite/scep-transactions.ts';
import { passkeyRecords } from './sqlite/passkeys.ts';
import { personRecords } from './sqlite/people.ts';
import { flowOrders } from './sqlite/flow-orders.ts';
import { partnerRecords } from './sqlite/partners.ts';
import { serverRecords } from './sqlite/servers.ts';
import { toolRecords } from './sqlite/tools.ts';
import { usedTokens } from './sqlite/used-tokens.ts';
import type { Store } from './store.ts';

/**
 * Opens the embedded store, making it when there is none (unless `missing` is 'refuse'). Faults `authority_missing`,
 * `file_mode`, `state_damaged`, `state_newer`, `state_locked`, `clock_behind`, `unavailable`.
 */
export async function openStore(options: {
  readonly file: string;
  readonly clock: Clock;
  readonly missing?: 'create' | 'refuse';
}): Promise<Store> {
  const { file, clock } = options;
  const database = await openDatabase({ file, clock, missing: options.missing ?? 'create' });
  const connection = connect({ database, file, clock });
  await dropOldChanges(connection);
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
    async copyTo(target) {
      await makeEmpty(target);
      await backup(database, target);
    },
    async [Symbol.asyncDispose]() {
      if (!database.isOpen) return;
      connection.flush();
      database.close();
    },
  };
}

/** SQLite keeps the mode of a file it finds, so the copy is private before its first octet. */
async function makeEmpty(target: string): Promise<void> {
  try {
    const file = await open(target, 'wx', 0o600);
    await file.close();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') {
      throw new Fault('conflict', `${target} exists already. Choose another file.`, { cause: error });
    }
    throw error;
  }
}
