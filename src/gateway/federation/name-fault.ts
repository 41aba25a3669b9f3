import type { FaultCode } from '../../kernel/fault-codes.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Message } from '../../mcp/message.ts';

/** A request that a name could not be followed for; where the real one is known, the record says it. */
export class NameFault extends Fault {
  readonly real: { readonly server: string; readonly message: Message } | null;

  constructor(code: FaultCode, detail: string, real: NameFault['real'] = null) {
    super(code, detail);
    this.real = real;
  }
}
