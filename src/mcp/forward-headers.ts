import type { HeaderLookup } from './message.ts';

const named: ReadonlySet<string> = new Set([
  'accept',
  'content-type',
  'mcp-protocol-version',
  'mcp-method',
  'mcp-name',
  'last-event-id',
]);

/**
 * The headers of a request that an MCP server may see. It is a list of what passes, so a credential, a cookie or a
 * header that names an identity cannot (law 3). The session id is not among them: the gateway holds it sealed.
 */
export function forwardHeaders(headers: HeaderLookup): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const [name, value] of headers.entries()) {
    const lower = name.toLowerCase();
    if (named.has(lower) || lower.startsWith('mcp-param-')) passed[lower] = value;
  }
  return passed;
}
