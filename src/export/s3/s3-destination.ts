import { createHash } from 'node:crypto';
import { utf8 } from '../../kernel/bytes.ts';
import { Fault } from '../../kernel/fault.ts';
import { boundsOf, type Destination, type ExportBatch } from '../destination.ts';
import type { S3Lock, S3Store } from './s3-store.ts';

/**
 * Lines of a log as objects that are written once: `<prefix><origin>/segment-<first>-<last>.jsonl`, and beside it
 * `.checkpoint`, the signed note that covers them. Taken is what the store gives the hash of when it is asked for it afterwards.
 */
export function s3Destination(
  store: S3Store,
  {
    called,
    prefix,
    lock,
  }: { readonly called: string; readonly prefix: string; readonly lock: S3Lock | null },
): Destination {
  return {
    async deliver(batch, signal) {
      const key = keyOf(prefix, batch);
      const content = utf8(batch.entries.map(({ line }) => `${line}\n`).join(''));
      await store.put(`${key}.jsonl`, content, { lock, signal });
      const stored = await store.hashOf(`${key}.jsonl`, signal);
      if (stored !== createHash('sha256').update(content).digest('base64')) {
        const what = stored === null ? 'does not have' : 'has other content in';
        throw new Fault('unavailable', `${called} ${what} ${key}.jsonl, which was stored there.`);
      }
      // A batch that is sent again may have a later checkpoint; the first one covers it as well.
      await store.put(`${key}.checkpoint`, utf8(batch.checkpoint), { lock, signal });
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

/** The same for the same entries, and in their order when they are listed. */
function keyOf(prefix: string, batch: ExportBatch): string {
  const { first, last } = boundsOf(batch);
  const digits = (index: number): string => String(index).padStart(20, '0');
  return `${prefix}${batch.origin}/segment-${digits(first)}-${digits(last)}`;
}
