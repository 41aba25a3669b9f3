/** Definitions of tools as a gateway came to know them; for each server its own report. */
export interface ToolReport {
  readonly server: string;
  /** Each in canonical JSON (RFC 8785). */
  readonly definitions: readonly string[];
  /** Whether these are all the tools that the server lists. */
  readonly whole: boolean;
}

/** The octets that one message of reports may have, and the definitions in it. */
export const reportLimit = { bytes: 1_048_576, definitions: 500 };
