import type { JsonObject } from '../kernel/canonical-json.ts';

/** `modern`: metadata on every request (2026-07-28 and later). `legacy`: the `initialize` handshake (earlier). */
export type Era = 'legacy' | 'modern';

/** What a message is about, as policy sees it. */
export type Target =
  | { readonly kind: 'tool' | 'prompt'; readonly name: string }
  | { readonly kind: 'resource'; readonly uri: string }
  | { readonly kind: 'server' };

/** One JSON-RPC 2.0 message of MCP. */
export interface Message {
  readonly kind: 'request' | 'notification' | 'response';
  readonly era: Era;
  /** The MCP revision it is read by. */
  readonly revision: string;
  /** null for a notification. */
  readonly id: string | number | null;
  /** null for a response. */
  readonly method: string | null;
  readonly params: JsonObject;
  readonly target: Target;
  /** The arguments of a tool or prompt; empty for anything else. */
  readonly arguments: JsonObject;
  /** The message whole. */
  readonly value: JsonObject;
}

/** The body of one POST. */
export interface Inbound {
  readonly messages: readonly Message[];
  readonly batch: boolean;
  readonly era: Era;
  readonly revision: string;
  /** Serialised from the value that was read: the only octets that may be forwarded. */
  readonly bytes: Uint8Array;
}

/** Header values by name, compared without case. */
export interface HeaderLookup {
  get(name: string): string | null;
  entries(): Iterable<[string, string]>;
}
