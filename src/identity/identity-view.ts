import type { LeafKind } from '../x509/leaf-profile.ts';
import type { AgentRecord } from './agent-record.ts';
import type { PartnerRecord } from './partner-record.ts';

/** `unknown` covers every serial that was not issued: reserved and abandoned ones too. */
export type SerialStatus = 'good' | 'revoked' | 'unknown';

/** Port: what a gateway knows at this moment, from memory, of the authority's registry. */
export interface IdentityView {
  readonly trustDomain: string;
  /**
   * The same object until something about the agent changes. A SPIFFE ID is the name of a partner's caller, for whom a
   * record is made of the partner's: null when no mapping fits it.
   */
  agent(name: string): AgentRecord | null;
  /** The partner with that trust domain. */
  partner(trustDomain: string): PartnerRecord | null;
  /**
   * `serial` is lowercase hex and `thumbprint` base64url, as `Certificate` gives them. A certificate that has the serial
   * and not the thumbprint of one that was issued is `unknown`: another authority below the same root made it.
   */
  serialStatus(serial: string, thumbprint: string): SerialStatus;
  /** The profile that a serial was issued under, or null when it is not known. */
  profileOf(serial: string): LeafKind | null;
  /** Whether the key of a serial was attested to be in hardware. */
  inHardware(serial: string): boolean;
  /** Whether the authority was heard within the staleness limit; `now` in epoch milliseconds. */
  fresh(now: number): boolean;
  /** How many milliseconds `now` is behind the authority's time of day, at the least; 0 where it is not known to be. */
  behind(now: number): number;
}
