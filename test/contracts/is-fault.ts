import { Fault } from '../../src/kernel/fault.ts';
import type { FaultCode } from '../../src/kernel/fault-codes.ts';

/** For `assert.rejects` and `assert.throws`: whether the error is the Fault with this code. */
export function isFault(code: FaultCode): (error: unknown) => boolean {
  return (error) => error instanceof Fault && error.code === code;
}
