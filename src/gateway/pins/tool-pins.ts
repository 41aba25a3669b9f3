import type { JsonObject } from '../../kernel/canonical-json.ts';
import { readToolDefinition, type ToolDefinition, toolsIn } from '../../mcp/tool-definition.ts';

/** Is told of the tools that servers list, as they give them. */
export interface ToolPins {
  /** Takes the result of a server's `tools/list`; `first` when no cursor was asked for. */
  listed(server: string, result: JsonObject, first: boolean): void;
}

export function createToolPins(options: {
  /** `whole`: these are all the tools of the server. */
  readonly seen: (server: string, tools: readonly ToolDefinition[], whole: boolean) => void;
}): ToolPins {
  return {
    listed(server, result, first) {
      const tools = toolsIn(result).flatMap((tool) => readToolDefinition(tool) ?? []);
      options.seen(server, tools, first && result['nextCursor'] === undefined);
    },
  };
}
