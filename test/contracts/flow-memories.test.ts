import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFlowJournal } from '../../src/gateway/flow/flow-journal.ts';
import { memoryFlow } from '../../src/gateway/flow/memory-flow.ts';
import { flowMemoryContract } from './flow-memory.contract.ts';

flowMemoryContract('memory', (clock, use) => use(memoryFlow(clock)));

flowMemoryContract('journal', async (clock, use) => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-flow-'));
  try {
    await using journal = await openFlowJournal(join(folder, 'flows.jsonl'), clock);
    await use(journal);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
