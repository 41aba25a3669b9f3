/**
 * Where a tool stands: never decided about, approved, refused, or changed since it was approved. Only what is approved is
 * listed and called.
 */
export type ToolState = 'waiting' | 'approved' | 'changed' | 'refused';

/** What a gateway has to know of a tool. */
export interface ToolPin {
  readonly server: string;
  readonly tool: string;
  readonly state: ToolState;
  /** The hashes of the definitions that were approved, the newest first. */
  readonly hashes: readonly string[];
  /** Grows with every decision about the tool. */
  readonly revision: number;
}
