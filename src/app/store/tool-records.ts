import type { ToolPin, ToolState } from '../../gateway/pins/tool-pin.ts';

/** A definition that a server gave, or that a manifest said it would. */
export interface KeptDefinition {
  /** SHA-256 of `text`, base64url. */
  readonly hash: string;
  /** The whole definition in canonical JSON (RFC 8785). */
  readonly text: string;
  /** When it was first kept, in epoch milliseconds. */
  readonly at: number;
}

/** How a tool came to be approved or refused. */
export interface ToolDecision {
  readonly by: string;
  /** `first-list`: by the word with which its server was added; `manifest`: by a signed list of definitions. */
  readonly way: 'admin' | 'first-list' | 'manifest';
  readonly at: number;
  readonly reason: string;
}

/** Everything that is known of a tool of a server. */
export interface ToolRecord {
  readonly server: string;
  readonly tool: string;
  readonly state: ToolState;
  readonly revision: number;
  /** As it was seen first; null for a tool that is known from a manifest alone. */
  readonly first: KeptDefinition | null;
  /** As it was seen last. */
  readonly seen: KeptDefinition | null;
  /** Those that were approved, the newest first: also after a change, so that the last good one is at hand. */
  readonly approved: readonly KeptDefinition[];
  readonly decided: ToolDecision | null;
}

/** Port: the tools of all servers. Every promise resolves when the change is durable. */
export interface ToolRecords {
  /**
   * What the tool becomes; `change` is given what it is, null for a tool that is not known, and gives null to leave it. It
   * may throw to leave everything as it is.
   */
  change(
    server: string,
    tool: string,
    change: (before: ToolRecord | null) => ToolRecord | null,
  ): Promise<ToolRecord | null>;
  find(server: string, tool: string): Promise<ToolRecord | null>;
  /** The tools of a server, or of all, in the order of their names. */
  list(server?: string): Promise<readonly ToolRecord[]>;
  /** Forgets every tool of a server. */
  forget(server: string): Promise<void>;
}

/** What gateways are told of a tool. */
export function pinOf({ server, tool, state, approved, revision }: ToolRecord): ToolPin {
  return { server, tool, state, hashes: approved.map(({ hash }) => hash), revision };
}

/** What a tool is called in the order of changes; no name of a server holds a slash. */
export function toolKey(server: string, tool: string): string {
  return `${server}/${tool}`;
}
