import { Fault } from '../kernel/fault.ts';
import type { Destination } from './destination.ts';

/**
 * A destination that is opened when the first batch goes there, and anew after an attempt that failed: certificates, authorities and
 * secrets that were replaced meanwhile are read again, and one that cannot be read keeps nobody from starting.
 */
export function reopened(open: () => Promise<Destination>): Destination {
  let current: Promise<Destination> | null = null;
  const close = async (): Promise<void> => {
    const before = current;
    current = null;
    await (await before?.catch(() => null))?.[Symbol.asyncDispose]();
  };
  return {
    async deliver(batch, signal) {
      try {
        current ??= open();
        await (await current).deliver(batch, signal);
      } catch (error) {
        if (!(error instanceof Fault && error.code === 'export_refused')) await close();
        throw error;
      }
    },
    [Symbol.asyncDispose]: close,
  };
}
