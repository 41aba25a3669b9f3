import type { Readable } from 'node:stream';
import type { BodyLimit } from './exchange.ts';
import { bodyBroke, tooLarge, tooSlow } from './exchange-faults.ts';

/**
 * Collects a body while it streams in and stops reading at the limit. `declared` is the Content-Length, or null.
 * Throws Fault `too_large`, `timed_out`, or `unavailable` when the stream ends before the body does.
 */
export function readBody(stream: Readable, declared: number | null, limit: BodyLimit): Promise<Uint8Array> {
  if (declared !== null && declared > limit.bytes) return Promise.reject(tooLarge(limit));
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let size = 0;
    const timer = setTimeout(() => {
      settle(() => reject(tooSlow(limit)));
    }, limit.milliseconds);
    const onData = (chunk: Uint8Array): void => {
      size += chunk.length;
      if (size > limit.bytes) return settle(() => reject(tooLarge(limit)));
      chunks.push(chunk);
    };
    const onEnd = (): void => settle(() => resolve(join(chunks)));
    const onGone = (cause?: unknown): void => {
      settle(() => reject(bodyBroke(cause)));
    };
    const settle = (act: () => void): void => {
      clearTimeout(timer);
      stream.pause();
      stream.off('data', onData).off('end', onEnd).off('close', onGone).off('error', onGone);
      // A reset that comes later must not become an uncaught error.
      stream.on('error', ignore);
      act();
    };
    if (stream.readableEnded) return onEnd();
    if (stream.destroyed) return onGone();
    stream.on('data', onData).on('end', onEnd).on('close', onGone).on('error', onGone);
  });
}

function ignore(): void {}

function join(chunks: readonly Uint8Array[]): Uint8Array {
  const [only] = chunks;
  return chunks.length === 1 && only ? only : Buffer.concat(chunks);
}
