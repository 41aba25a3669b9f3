import type { PartnerRecord } from '../../identity/partner-record.ts';

/** The partners whose callers are let in. Every promise resolves when the change is durable. */
export interface PartnerRecords {
  /**
   * What the partner of that name becomes; `change` is given what it is, null for nobody, and all partners as of then,
   * and may throw to leave everything as it is. Returns what it has become.
   */
  put(
    name: string,
    change: (before: PartnerRecord | null, all: readonly PartnerRecord[]) => PartnerRecord,
  ): Promise<PartnerRecord>;
  find(name: string): Promise<PartnerRecord | null>;
  /** All partners in name order. */
  list(): Promise<readonly PartnerRecord[]>;
  /** Whether there was one to remove. */
  remove(name: string): Promise<boolean>;
}
