import type { Readable } from 'node:stream';
import { Fault } from '../kernel/fault.ts';
import type { BodyLimit } from './exchange.ts';

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
      settle(() =>
        reject(new Fault('timed_out', `The request body was not complete after ${limit.milliseconds} ms.`)),
      );
    }, limit.milliseconds);
    const onData = (chunk: Uint8Array): void => {
      size += chunk.length;
      if (size > limit.bytes) return settle(() => reject(tooLarge(limit)));
      chunks.push(chunk);
    };
    const onEnd = (): void => settle(() => resolve(join(chunks)));
    const onGone = (cause?: unknown): void => {
      settle(() =>
        reject(new Fault('unavailable', 'The peer went away before its body was complete.', { cause })),
      );
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

function tooLarge(limit: BodyLimit): Fault {
  return new Fault('too_large', `The request body is larger than the limit of ${limit.bytes} octets.`);
}
