import { Fault } from '../../kernel/fault.ts';

/** A statement that does not show what it has to; `why` is told to the client. */
export function refusedAttestation(why: string, cause?: unknown): Fault {
  return new Fault('attestation_refused', `The attestation is not accepted: ${why}.`, { cause });
}
