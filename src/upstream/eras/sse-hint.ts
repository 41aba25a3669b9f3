/** Whether an answer to `initialize` is what a server of HTTP+SSE says to it (MCP 2025-11-25, Backwards Compatibility). */
export function looksLikeSse(status: number): boolean {
  return status === 404 || status === 405;
}

/** What to tell of a server that gave such an answer, behind its name. */
export function sseHint(status: number): string {
  return `refused to open a session (HTTP ${status}). Is the path of its URL right? If it speaks HTTP+SSE, the transport of 2024-11-05, register it with --transport sse.`;
}
