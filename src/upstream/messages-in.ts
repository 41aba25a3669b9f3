import { isJsonObject, type Json, type JsonObject } from '../kernel/canonical-json.ts';
import { nestsWithin } from '../kernel/nests-within.ts';

/** How deep a message may nest: it is serialised again, which recurses. */
const deepest = 128;

/** The JSON-RPC messages of what a server said at once (several in a batch of 2025-03-26), or null for anything else. */
export function messagesIn(text: string): readonly JsonObject[] | null {
  let value: Json;
  try {
    // Names that differ only in case are the server's own affair: what is passed on is serialised anew.
    value = JSON.parse(text) as Json;
  } catch {
    return null;
  }
  if (!nestsWithin(value, deepest)) return null;
  const messages: readonly Json[] = Array.isArray(value) ? value : [value];
  return messages.length > 0 && messages.every(isMessage) ? messages : null;
}

function isMessage(value: Json): value is JsonObject {
  if (!isJsonObject(value) || value['jsonrpc'] !== '2.0') return false;
  return (
    typeof value['method'] === 'string' ||
    (value['id'] !== undefined && ('result' in value || 'error' in value))
  );
}
