import { rememberedFor } from '../kernel/remembered-for.ts';
import type { Era, HeaderLookup } from './message.ts';

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
export function forwardHeaders(headers: HeaderLookup, era: Era): ForwardedHeaders {
  return (era === 'modern' ? withoutEventId : passedHeaders)(headers);
}

type ForwardedHeaders = Readonly<Record<string, string>>;

const passedHeaders = rememberedFor((headers: HeaderLookup): ForwardedHeaders => {
  const passed: Record<string, string> = {};
  for (const [name, value] of headers.entries()) {
    const lower = name.toLowerCase();
    if (named.has(lower) || lower.startsWith('mcp-param-')) passed[lower] = value;
  }
  return Object.freeze(passed);
});

// MCP 2026-07-28, changelog: nothing is redelivered; whoever asks again asks anew.
const withoutEventId = rememberedFor((headers: HeaderLookup): ForwardedHeaders => {
  const { 'last-event-id': _dropped, ...kept } = passedHeaders(headers);
  return Object.freeze(kept);
});
