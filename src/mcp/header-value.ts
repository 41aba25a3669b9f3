import { fromBase64 } from '../kernel/bytes.ts';

// MCP 2026-07-28, Streamable HTTP, Value Encoding: visible ASCII, space and tab travel as they are.
const plain = /^[\x20-\x7e\t]*$/;
const sentinel = /^=\?base64\?([A-Za-z0-9+/]*={0,2})\?=$/;

/** Text as the value of an `Mcp-Name` or `Mcp-Param-*` header. */
export function encodeHeaderValue(text: string): string {
  if (plain.test(text) && text.trim() === text && !sentinel.test(text)) return text;
  return `=?base64?${Buffer.from(text, 'utf8').toString('base64')}?=`;
}

/** The text of such a header, or null when it claims to be Base64 and is not, or is not UTF-8. */
export function decodeHeaderValue(value: string): string | null {
  const encoded = sentinel.exec(value)?.[1];
  if (encoded === undefined) return value;
  const bytes = fromBase64(encoded);
  if (!bytes) return null;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}
