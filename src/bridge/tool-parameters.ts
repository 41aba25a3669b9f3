import { isJsonObject, type Json, type JsonObject } from '../kernel/canonical-json.ts';
import { encodeHeaderValue } from '../mcp/header-value.ts';

/**
 * Which arguments of which tool are repeated in `Mcp-Param-*` headers, learnt from the lists that pass by
 * (MCP 2026-07-28, Streamable HTTP, `x-mcp-header`).
 */
export interface ToolParameters {
  /** Takes the result of a `tools/list`. */
  learn(result: JsonObject): void;
  knows(tool: string): boolean;
  headers(tool: string, args: JsonObject): Record<string, string>;
}

interface Mirrored {
  readonly header: string;
  readonly path: readonly string[];
}

const mostTools = 10_000;
const deepest = 16;
// RFC 9110 §5.6.2: a token.
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

export function createToolParameters(): ToolParameters {
  const tools = new Map<string, readonly Mirrored[]>();
  return {
    learn({ tools: listed }) {
      if (!Array.isArray(listed)) return;
      for (const tool of listed as readonly Json[]) {
        if (!isJsonObject(tool) || typeof tool['name'] !== 'string') continue;
        if (tools.size < mostTools) tools.set(tool['name'], mirrored(tool['inputSchema'], []));
      }
    },
    knows: (tool) => tools.has(tool),
    headers(tool, args) {
      const headers: Record<string, string> = {};
      for (const { header, path } of tools.get(tool) ?? []) {
        const value = path.reduce<Json | undefined>(
          (held, name) => (isJsonObject(held) && Object.hasOwn(held, name) ? held[name] : undefined),
          args,
        );
        if (typeof value === 'string') headers[`mcp-param-${header}`] = encodeHeaderValue(value);
        else if (isShort(value)) headers[`mcp-param-${header}`] = String(value);
      }
      return headers;
    },
  };
}

/** Whole numbers and booleans are written as in JSON. */
function isShort(value: Json | undefined): value is number | boolean {
  return typeof value === 'boolean' || (typeof value === 'number' && Number.isSafeInteger(value));
}

/** The properties that say `x-mcp-header`, along chains of `properties` alone. */
function mirrored(schema: Json | undefined, path: readonly string[]): readonly Mirrored[] {
  const properties = isJsonObject(schema) ? schema['properties'] : undefined;
  if (!isJsonObject(properties) || path.length >= deepest) return [];
  return Object.entries(properties).flatMap(([name, property]) => {
    const below = [...path, name];
    const header = isJsonObject(property) ? property['x-mcp-header'] : undefined;
    const own =
      typeof header === 'string' && token.test(header) ? [{ header: header.toLowerCase(), path: below }] : [];
    return [...own, ...mirrored(property, below)];
  });
}
