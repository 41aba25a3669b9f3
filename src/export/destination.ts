/** One entry of a log, as it is exported. */
export interface ExportedEntry {
  readonly index: number;
  /** The canonical line, without its line break: what the log holds, octet by octet. */
  readonly line: string;
  /** The Merkle leaf of the line, base64url: what the next entry of the log calls `previous`. */
  readonly hash: string;
}

/** Consecutive entries of one log that a signed checkpoint covers. The same batch is told again with the same bounds. */
export interface ExportBatch {
  readonly origin: string;
  /** At least one, in order. */
  readonly entries: readonly ExportedEntry[];
  /** A signed note that covers all of them. */
  readonly checkpoint: string;
}

/** Port: where entries go. */
export interface Destination extends AsyncDisposable {
  /**
   * Resolves when whoever receives has taken all entries. Throws Fault `export_refused` when they will not be taken however
   * often they are sent; any other Fault is a matter of time, and `retryAfterMilliseconds` of it is obeyed.
   */
  deliver(batch: ExportBatch, signal: AbortSignal): Promise<void>;
}

/** How much is sent at once. */
export interface BatchLimits {
  readonly entries: number;
  /** Octets of lines; a single longer line is sent alone. */
  readonly octets: number;
  /** How long the oldest entry waits for others, in milliseconds. */
  readonly milliseconds: number;
}

/** The first and last index of a batch. */
export function boundsOf({ entries }: ExportBatch): { readonly first: number; readonly last: number } {
  return { first: entries[0]?.index ?? 0, last: entries.at(-1)?.index ?? 0 };
}

/** What a receiver tells entries apart by: the same entry has the same id however often it is sent. */
export function entryId(origin: string, index: number): string {
  return `${origin}#${index}`;
}

/** The name of a batch: it stays the same when the batch is sent again. */
export function batchId(batch: ExportBatch): string {
  const { first, last } = boundsOf(batch);
  return `${batch.origin}#${first}-${last}`;
}
