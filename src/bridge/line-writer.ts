import type { Writable } from 'node:stream';
import { Fault } from '../kernel/fault.ts';

/** Writes whole lines, as fast as the reader takes them. */
export interface LineWriter {
  /** Resolves when there is room for more. Throws Fault `unavailable` when the reader is gone. */
  write(line: string): Promise<void>;
  /** Aborted when the reader is gone. */
  readonly gone: AbortSignal;
}

export function createLineWriter(output: Writable): LineWriter {
  const gone = new AbortController();
  let room: PromiseWithResolvers<void> | null = null;
  const leave = (): void => {
    gone.abort();
    room?.resolve();
  };
  output
    .once('close', leave)
    .on('error', leave)
    .on('drain', () => {
      room?.resolve();
      room = null;
    });
  return {
    gone: gone.signal,
    async write(line) {
      if (gone.signal.aborted || output.destroyed) {
        throw new Fault('unavailable', 'The MCP client has closed the output of the bridge.');
      }
      if (output.write(`${line}\n`)) return;
      room ??= Promise.withResolvers<void>();
      await room.promise;
    },
  };
}
