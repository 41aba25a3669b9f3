import type { JsonObject } from '../kernel/canonical-json.ts';
import type { HeaderLookup, Inbound } from '../mcp/message.ts';
import { MessageFault } from '../mcp/message-fault.ts';
import { createToolParameters, type ToolParameters } from '../mcp/tool-parameters.ts';

/**
 * Which headers of a call mirror which argument, server by server, as the lists that pass by say it. What a server, or
 * something before it, reads in a header is then what policy judged in the body (law 6).
 */
export interface ToolHeaders {
  /** Takes the result of a server's `tools/list`, as the server gave it. */
  learn(server: string, result: JsonObject): void;
  /** Throws Fault `header_mismatch` (MCP 2026-07-28, Streamable HTTP, Server Validation); a client then lists again. */
  check(server: string, inbound: Inbound | null, headers: HeaderLookup): void;
}

export function createToolHeaders(): ToolHeaders {
  const servers = new Map<string, ToolParameters>();
  return {
    learn(server, result) {
      const known = servers.get(server) ?? createToolParameters();
      servers.set(server, known);
      known.learn(result);
    },
    check(server, inbound, headers) {
      const message = inbound?.messages[0];
      if (inbound?.era !== 'modern' || message?.target.kind !== 'tool') return;
      const wrong = servers.get(server)?.disagreement(message.target.name, message.arguments, headers);
      if (wrong === undefined || wrong === null) return;
      const detail = `Header and body disagree: ${wrong} is not what its argument says. List the tools again.`;
      throw new MessageFault('header_mismatch', detail, message.id);
    },
  };
}
