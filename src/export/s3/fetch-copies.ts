import { join } from 'node:path';
import { writeDurably } from '../../kernel/durable-file.ts';
import { Fault } from '../../kernel/fault.ts';
import type { S3Store } from './s3-store.ts';

/**
 * Copies what a store has of a log into a folder, where it verifies. Returns how many files that were. Throws Fault `not_found`
 * when there is none, and the faults of the store.
 */
export async function fetchCopies(
  store: Pick<S3Store, 'list' | 'get'>,
  { prefix, origin }: { readonly prefix: string; readonly origin: string },
  folder: string,
  signal: AbortSignal,
): Promise<number> {
  const start = `${prefix}${origin}/`;
  let count = 0;
  for (const key of await store.list(start, signal)) {
    const name = key.slice(start.length);
    // The name becomes one of a file: nothing but what the exporter writes.
    if (!/^segment-\d{20}-\d{20}\.(jsonl|checkpoint)$/.test(name)) continue;
    await writeDurably(join(folder, name), await store.get(key, signal));
    count += 1;
  }
  if (count === 0)
    throw new Fault('not_found', `The store has nothing of the log ${origin} below "${prefix}".`);
  return count;
}
