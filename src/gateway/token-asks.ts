import type { Inbound } from '../mcp/message.ts';
import type { TokenAsk } from '../oauth/resource/check-demands.ts';

/** What the requests of a body ask for, as far as tokens matter. */
export function tokenAsks(inbound: Inbound | null): readonly TokenAsk[] {
  if (!inbound) return [];
  return inbound.messages.flatMap(({ kind, method, target }) => {
    if (kind !== 'request' || method === null) return [];
    return [{ method, tool: method === 'tools/call' && target.kind === 'tool' ? target.name : null }];
  });
}
