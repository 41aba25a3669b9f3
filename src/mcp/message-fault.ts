import type { JsonObject } from '../kernel/canonical-json.ts';
import type { FaultCode } from '../kernel/fault-codes.ts';
import { Fault } from '../kernel/fault.ts';

/** A fault of one message, which the answer can name by its id. */
export class MessageFault extends Fault {
  readonly id: string | number | null;
  /** The `data` member that the revision prescribes for this error. */
  readonly data: JsonObject | null;

  constructor(code: FaultCode, detail: string, id: string | number | null, data: JsonObject | null = null) {
    super(code, detail);
    this.id = id;
    this.data = data;
  }
}
