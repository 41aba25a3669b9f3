import { isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import type { ToolRecord, ToolRecords } from '../store/tool-records.ts';

/** The definitions of tools by their names: `title`, `description`, `inputSchema` and whatever else their server gave. */
export type DefinitionsOfServer = ReadonlyMap<string, JsonObject>;

/** The definitions of every server: those that were approved last, and for tools that never were those seen last. */
export async function definitionsOf(
  tools: Pick<ToolRecords, 'list'>,
): Promise<ReadonlyMap<string, DefinitionsOfServer>> {
  const servers = new Map<string, Map<string, JsonObject>>();
  for (const record of await tools.list()) {
    const definition = definitionOf(record);
    if (!definition) continue;
    const known = servers.get(record.server) ?? new Map<string, JsonObject>();
    servers.set(record.server, known.set(record.tool, definition));
  }
  return servers;
}

function definitionOf({ approved: [approved], seen }: ToolRecord): JsonObject | null {
  const kept = approved ?? seen;
  return kept ? parsed(kept.text) : null;
}

/** A definition as it was kept. */
export function parsed(text: string): JsonObject {
  const value = JSON.parse(text) as Json;
  return isJsonObject(value) ? value : {};
}
