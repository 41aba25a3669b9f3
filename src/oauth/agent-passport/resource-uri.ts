const loopback: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

/** The one written form of an MCP server's URI in `aps-mcp-1`; null for what is none. */
export function canonicalServerUri(text: string): string | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || url.username !== '' || url.password !== '' || url.hash !== '') return null;
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && loopback.has(url.hostname))) return null;
  return url.href.replace(/\/$/, '');
}
