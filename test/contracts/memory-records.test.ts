import { memoryRecords } from '../../src/ca/memory-records.ts';
import { memoryJoinTokens } from '../../src/enrol/join-token/memory-join-tokens.ts';
import { memoryTransactions } from '../../src/enrol/scep/memory-transactions.ts';
import { memoryUsedTokens } from '../../src/enrol/workload/memory-used-tokens.ts';
import { memoryApprovals } from '../../src/enrol/approval/memory-approvals.ts';
import { approvalRecordsContract } from './approval-records.contract.ts';
import { certificateRecordsContract } from './certificate-records.contract.ts';
import { joinTokenRecordsContract } from './join-token-records.contract.ts';
import { scepTransactionsContract } from './scep-transactions.contract.ts';
import { memoryOauthRecords } from '../../src/oauth/server/memory-records.ts';
import { oauthRecordsContract } from './oauth-records.contract.ts';
import { usedTokensContract } from './used-tokens.contract.ts';

certificateRecordsContract('memory', (use) => use(memoryRecords()));
joinTokenRecordsContract('memory', (use) => use(memoryJoinTokens()));
approvalRecordsContract('memory', (use) => use(memoryApprovals()));
scepTransactionsContract('memory', (use) => use(memoryTransactions()));
oauthRecordsContract('memory', (use) => use(memoryOauthRecords()));
usedTokensContract('memory', (use) => use(memoryUsedTokens()));
