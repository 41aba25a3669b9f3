import { rm } from 'node:fs/promises';
import type { AuditLog } from '../../audit/log.ts';
import { raiseNumbers } from '../../ca/crl-progress.ts';
import { isJsonObject } from '../../kernel/canonical-json.ts';
import { readPrivateFile, writeDurably } from '../../kernel/durable-file.ts';
import { Fault } from '../../kernel/fault.ts';
import { parseJson } from '../../kernel/parse-json.ts';
import type { StoreMeta } from '../store/store.ts';
import type { DataFolder } from './data-folder.ts';
import { renewStoreId } from './store-id.ts';

/** A data folder was made from a backup. Times are epoch milliseconds. */
interface Restoration {
  /** When the backup was made: what happened between then and the restoration is not in the folder. */
  readonly madeAt: number;
  readonly restoredAt: number;
}

/** Marks a folder that was made from a backup, for the next opening. */
export async function markRestored(data: DataFolder, { madeAt, restoredAt }: Restoration): Promise<void> {
  await writeDurably(data.restored, JSON.stringify({ madeAt, restoredAt }));
}

/**
 * Says in the log that the authority was restored, if it was, and takes care that no number of a CRL comes a second time. The
 * mark goes last: a crash between says it twice, and never not at all.
 */
export async function settleRestoration(
  data: DataFolder,
  { facts, audit }: { readonly facts: StoreMeta; readonly audit: Pick<AuditLog, 'append'> },
): Promise<void> {
  const mark = await readMark(data);
  if (!mark) return;
  await raiseNumbers(facts, mark.restoredAt);
  await renewStoreId(facts);
  await audit.append({ type: 'authority.restored', ...mark });
  await rm(data.restored, { force: true });
}

async function readMark({ restored }: DataFolder): Promise<Restoration | null> {
  try {
    const value = parseJson(await readPrivateFile(restored));
    const { madeAt, restoredAt } = isJsonObject(value) ? value : {};
    if (typeof madeAt === 'number' && typeof restoredAt === 'number') return { madeAt, restoredAt };
  } catch (error) {
    if (error instanceof Fault && error.code === 'not_found') return null;
    throw error;
  }
  throw new Fault('state_damaged', `${restored} cannot be read. Restore the folder from a backup.`);
}
