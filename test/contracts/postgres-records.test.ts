import { after } from 'node:test';
import { startPostgres } from '../interop/start-postgres.ts';
import { approvalRecordsContract } from './approval-records.contract.ts';
import { certificateRecordsContract } from './certificate-records.contract.ts';
import { joinTokenRecordsContract } from './join-token-records.contract.ts';
import { oauthRecordsContract } from './oauth-records.contract.ts';
import { withPostgresStore } from './postgres-store.ts';
import { scepTransactionsContract } from './scep-transactions.contract.ts';
import { subAgentRecordsContract } from './sub-agent-records.contract.ts';
import { usedTokensContract } from './used-tokens.contract.ts';

const postgres = await startPostgres({ user: 'countersign' });
after(() => postgres[Symbol.asyncDispose]());

certificateRecordsContract('postgres', (use) =>
  withPostgresStore(postgres, (store) => use(store.certificates)),
);
joinTokenRecordsContract('postgres', (use) => withPostgresStore(postgres, (store) => use(store.joinTokens)));
approvalRecordsContract('postgres', (use) => withPostgresStore(postgres, (store) => use(store.approvals)));
scepTransactionsContract('postgres', (use) =>
  withPostgresStore(postgres, (store) => use(store.scepTransactions)),
);
subAgentRecordsContract('postgres', (use) => withPostgresStore(postgres, (store) => use(store.agents)));
usedTokensContract('postgres', (use) => withPostgresStore(postgres, (store) => use(store.usedTokens)));
oauthRecordsContract('postgres', (use) => withPostgresStore(postgres, (store) => use(store.oauth)));
