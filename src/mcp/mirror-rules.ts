import { isJsonObject, type Json, type JsonObject } from '../kernel/canonical-json.ts';

// RFC 9110 §5.6.2: a token.
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const mirrorable: ReadonlySet<Json | undefined> = new Set(['string', 'integer', 'boolean']);

/**
 * Whether every `x-mcp-header` of a tool's schema is one that a client can follow: a token, alone of its name, on a
 * text, whole number or boolean that chains of `properties` lead to. A tool that breaks this is no tool over HTTP
 * (MCP 2026-07-28, Streamable HTTP, Schema Extension).
 */
export function keepsMirrorRules(tool: JsonObject): boolean {
  const seen = new Set<string>();
  const stack: { readonly schema: Json | undefined; readonly reachable: boolean; readonly root: boolean }[] =
    [{ schema: tool['inputSchema'], reachable: true, root: true }];
  for (let place = stack.pop(); place; place = stack.pop()) {
    const { schema, reachable, root } = place;
    if (!isJsonObject(schema)) continue;
    const header = schema['x-mcp-header'];
    if (header !== undefined) {
      if (root || !reachable || typeof header !== 'string' || !token.test(header)) return false;
      if (!mirrorable.has(schema['type']) || seen.has(header.toLowerCase())) return false;
      seen.add(header.toLowerCase());
    }
    for (const { below, properties } of subschemas(schema)) {
      stack.push({ schema: below, reachable: reachable && properties, root: false });
    }
  }
  return true;
}

// Their members are data, or text.
const noSchemas: ReadonlySet<string> = new Set(['const', 'enum', 'default', 'examples', 'required', 'type']);
// Their members are schemas by name, and a name is no keyword.
const named: ReadonlySet<string> = new Set([
  'properties',
  'patternProperties',
  'dependentSchemas',
  '$defs',
  'definitions',
]);

function* subschemas(schema: JsonObject): Generator<{ readonly below: Json; readonly properties: boolean }> {
  for (const [keyword, value] of Object.entries(schema)) {
    if (noSchemas.has(keyword)) continue;
    if (named.has(keyword) && isJsonObject(value)) {
      for (const below of Object.values(value)) yield { below, properties: keyword === 'properties' };
    } else if (Array.isArray(value)) {
      for (const below of value as readonly Json[]) yield { below, properties: false };
    } else if (value !== undefined) {
      yield { below: value, properties: false };
    }
  }
}
