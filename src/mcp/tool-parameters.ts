import { isJsonObject, type Json, type JsonObject } from '../kernel/canonical-json.ts';
import { decodeHeaderValue, encodeHeaderValue } from './header-value.ts';
import type { HeaderLookup } from './message.ts';

/**
 * Which arguments of which tool are repeated in `Mcp-Param-*` headers, learnt from the lists that pass by
 * (MCP 2026-07-28, Streamable HTTP, `x-mcp-header`).
 */
export interface ToolParameters {
  /** Takes the result of a `tools/list`. */
  learn(result: JsonObject): void;
  knows(tool: string): boolean;
  headers(tool: string, args: JsonObject): Record<string, string>;
  /**
   * The first `Mcp-Param-*` header that is missing or does not say what its argument says, or null; null as well for a
   * tool that is not known.
   */
  disagreement(tool: string, args: JsonObject, headers: HeaderLookup): string | null;
}

interface Mirrored {
  readonly header: string;
  readonly path: readonly string[];
}

const prefix = 'mcp-param-';
const mostTools = 10_000;
/** Headers of one tool; more than a request can carry. */
const mostHeaders = 100;
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
        if (tools.size < mostTools || tools.has(tool['name'])) {
          tools.set(tool['name'], mirrored(tool['inputSchema'], []).slice(0, mostHeaders));
        }
      }
    },
    knows: (tool) => tools.has(tool),
    disagreement(tool, args, headers) {
      const known = tools.get(tool);
      if (!known) return null;
      for (const [name, given] of headers.entries()) {
        const lower = name.toLowerCase();
        if (!lower.startsWith(prefix)) continue;
        const said = decodeHeaderValue(given);
        const mirrors = known.filter(({ header }) => `${prefix}${header}` === lower);
        const agrees = mirrors.some(({ path }) => said !== null && saysSo(argumentAt(args, path), said));
        if (!agrees) return name;
      }
      // Whoever reads a header that is not there takes something else for what the argument says.
      const missing = known.find(
        ({ header, path }) =>
          headers.get(`${prefix}${header}`) === null && isMirrored(argumentAt(args, path)),
      );
      return missing ? `${prefix}${missing.header}` : null;
    },
    headers(tool, args) {
      const headers: Record<string, string> = {};
      for (const { header, path } of tools.get(tool) ?? []) {
        const value = argumentAt(args, path);
        if (typeof value === 'string') headers[`${prefix}${header}`] = encodeHeaderValue(value);
        else if (isShort(value)) headers[`${prefix}${header}`] = String(value);
      }
      return headers;
    },
  };
}

function argumentAt(args: JsonObject, path: readonly string[]): Json | undefined {
  return path.reduce<Json | undefined>(
    (held, name) => (isJsonObject(held) && Object.hasOwn(held, name) ? held[name] : undefined),
    args,
  );
}

/** Null is no value, and what is neither text, whole number nor boolean has no header. */
function isMirrored(value: Json | undefined): boolean {
  return typeof value === 'string' || isShort(value);
}

function saysSo(value: Json | undefined, said: string): boolean {
  // SEP-2243: numbers are compared as numbers.
  if (typeof value === 'number') return said.trim() !== '' && Number(said) === value;
  return (typeof value === 'string' || typeof value === 'boolean') && String(value) === said;
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
