import { sha256Base64url } from '../kernel/bytes.ts';
import {
  canonicalJson,
  isJsonArray,
  isJsonObject,
  type Json,
  type JsonObject,
} from '../kernel/canonical-json.ts';
import { nestsWithin } from '../kernel/nests-within.ts';

/** The whole definition of a tool as a server gave it; every member of it counts. */
export interface ToolDefinition {
  readonly name: string;
  /** SHA-256 of `text`, base64url. */
  readonly hash: string;
  /** The definition in its one serialisation (RFC 8785). */
  readonly text: string;
}

/** The longest name of a tool, in UTF-16 units, and the longest definition, of which a person could still judge something. */
const longestName = 256;
const longestText = 131_072;
const deepest = 100;

/**
 * The definition of a tool, or null for what cannot be told apart for certain from another one: without a name, too large,
 * or with text that has no UTF-8 form.
 */
export function readToolDefinition(tool: Json): ToolDefinition | null {
  if (!isJsonObject(tool)) return null;
  const { name } = tool;
  if (typeof name !== 'string' || name === '' || name.length > longestName) return null;
  if (!nestsWithin(tool, deepest)) return null;
  const text = serialised(tool);
  return text === null || text.length > longestText ? null : { name, hash: sha256Base64url(text), text };
}

/** The items of the result of a `tools/list`. */
export function toolsIn(result: JsonObject): readonly Json[] {
  const { tools } = result;
  return isJsonArray(tools) ? tools : [];
}

function serialised(tool: JsonObject): string | null {
  try {
    return canonicalJson(tool);
  } catch {
    return null;
  }
}
