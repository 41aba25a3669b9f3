import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore } from '../../src/app/store/open-store.ts';
import type { Store } from '../../src/app/store/store.ts';
import { steppedClock } from '../../src/kernel/clock.ts';
import { approvalRecordsContract } from './approval-records.contract.ts';
import { certificateRecordsContract } from './certificate-records.contract.ts';
import { joinTokenRecordsContract } from './join-token-records.contract.ts';
import { oauthRecordsContract } from './oauth-records.contract.ts';
import { scepTransactionsContract } from './scep-transactions.contract.ts';
import { subAgentRecordsContract } from './sub-agent-records.contract.ts';
import { usedTokensContract } from './used-tokens.contract.ts';

certificateRecordsContract('sqlite', (use) => withStore((store) => use(store.certificates)));
joinTokenRecordsContract('sqlite', (use) => withStore((store) => use(store.joinTokens)));
approvalRecordsContract('sqlite', (use) => withStore((store) => use(store.approvals)));
scepTransactionsContract('sqlite', (use) => withStore((store) => use(store.scepTransactions)));
subAgentRecordsContract('sqlite', (use) => withStore((store) => use(store.agents)));
usedTokensContract('sqlite', (use) => withStore((store) => use(store.usedTokens)));
oauthRecordsContract('sqlite', (use) => withStore((store) => use(store.oauth)));

async function withStore(use: (store: Store) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-'));
  try {
    await using store = await openStore({ file: join(folder, 'state.db'), clock: steppedClock(1_000) });
    await use(store);
  } finally {
    await rm(folder, { recursive: true });
  }
}
