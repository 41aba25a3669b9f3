import { watch } from 'node:fs';
import { join } from 'node:path';
import { Fault } from '../kernel/fault.ts';
import { type Entry, readEntry } from './entry.ts';
import { readLines } from './read-lines.ts';
import { listSegments } from './segment.ts';

/** How long a follower waits at most before it looks again, in milliseconds. */
const lookAgain = 500;

/**
 * The entries of a log from an index on; with `follow` also those to come, across files, until the signal is aborted.
 * Throws Fault `not_found` when the folder holds no log.
 */
export async function* tailLog(
  folder: string,
  options: { readonly from: number; readonly follow: boolean; readonly signal: AbortSignal },
): AsyncGenerator<Entry, void, undefined> {
  const { signal } = options;
  let next = options.from;
  let place = { name: '', offset: 0 };
  for (;;) {
    const segments = await listSegments(folder).catch((cause: unknown) => {
      throw new Fault('not_found', `${folder} holds no audit log.`, { cause });
    });
    if (segments.length === 0 && !options.follow) {
      throw new Fault('not_found', `${folder} holds no audit log.`);
    }
    const started = segments.findIndex(({ name }) => name === place.name);
    const begin = started < 0 ? lastAtOrBefore(segments, next) : started;
    for (const { name } of segments.slice(begin)) {
      if (name !== place.name) place = { name, offset: 0 };
      for await (const { text, whole, end } of readLines(join(folder, name), place.offset)) {
        if (signal.aborted) return;
        if (!whole) break;
        place.offset = end;
        const entry = readEntry(text);
        if (entry.index < next) continue;
        next = entry.index + 1;
        yield entry;
      }
    }
    if (!options.follow || signal.aborted) return;
    await somethingNew(folder, signal);
    if (signal.aborted) return;
  }
}

function lastAtOrBefore(segments: readonly { readonly first: number }[], index: number): number {
  return Math.max(
    0,
    segments.findLastIndex(({ first }) => first <= index),
  );
}

function somethingNew(folder: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const watcher = watch(folder, done);
    const timer = setTimeout(done, lookAgain);
    signal.addEventListener('abort', done, { once: true });
    function done(): void {
      watcher.close();
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
  });
}
