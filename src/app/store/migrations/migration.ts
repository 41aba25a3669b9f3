/** One step forward of the schema. Steps are never edited after a release and never run backwards. */
export interface Migration {
  /** The schema version this step leads to; versions run 1, 2, 3 … without gaps. */
  readonly version: number;
  readonly summary: string;
  /** For SQLite. */
  readonly sql: string;
  /** The same for PostgreSQL: every step after version 23, before which no state was in one. */
  readonly postgres?: string;
}
