import type { Inbound } from '../mcp/message.ts';

/** One permitted request to an MCP server behind us, in the terms of Streamable HTTP. */
export interface UpstreamRequest {
  readonly method: 'POST' | 'GET' | 'DELETE';
  /** Only accept, content-type, mcp-*, last-event-id, and the trace context of the gateway. */
  readonly headers: Readonly<Record<string, string>>;
  /** What was permitted; null for GET and DELETE. Only its `bytes` and `messages` are sent. */
  readonly inbound: Inbound | null;
  /**
   * SPIFFE ID of the caller, and after a space the person it acts for where that is known (`agentOf`): a stdio child or
   * session is never shared between parties.
   */
  readonly caller: string;
  /** The verified access token of the caller, where there is one: to be exchanged for another, and never sent to the server. */
  readonly subjectToken?: string | null;
  /** Aborted when the caller went away. */
  readonly signal: AbortSignal;
}

/** The server's answer. */
export interface UpstreamResponse {
  readonly status: number;
  /** Lower-case names; only content-type, mcp-*, cache-control and retry-after. */
  readonly headers: Readonly<Record<string, string>>;
  /**
   * Octets when the answer is whole; an event stream piece by piece. Leaving the iteration early ends the exchange
   * with the server; it may throw the faults of `send`.
   */
  readonly body: Uint8Array | AsyncIterable<Uint8Array>;
}

/** An MCP server behind us, whatever its transport. */
export interface Upstream extends AsyncDisposable {
  readonly name: string;
  /**
   * Throws Fault `upstream_unreachable`, `upstream_failed`, `upstream_timeout`, `upstream_garbage`,
   * `upstream_too_large`, `circuit_open`, `secret_unresolved`, `secret_unavailable`,
   * `credential_unobtained`, `session_unknown` or `limit_reached`.
   */
  send(request: UpstreamRequest): Promise<UpstreamResponse>;
  health(): UpstreamHealth;
  /** Ends every child and session of that agent, whoever it acts for. */
  endCaller(caller: string): Promise<void>;
}

export interface UpstreamHealth {
  /** `idle`: nothing is known to be wrong and nothing is open. */
  readonly state: 'up' | 'down' | 'idle';
  readonly detail: string;
  /** Whether it is left alone because it fails; absent where nothing stands before it that would. */
  readonly circuit?: {
    readonly state: 'closed' | 'open' | 'half-open';
    /** Agents for whom alone it is left alone. */
    readonly agents: number;
  };
}
