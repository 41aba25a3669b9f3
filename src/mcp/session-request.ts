import { Fault } from '../kernel/fault.ts';
import type { HeaderLookup } from './message.ts';
import { statedRevision } from './stated-revision.ts';
import { eraOf } from './revisions.ts';

/**
 * Checks a GET or DELETE, which only the legacy era has and only inside a session.
 * Throws Fault `method_not_allowed`, `protocol_version` or `not_acceptable`.
 */
export function checkSessionRequest(method: 'GET' | 'DELETE', headers: HeaderLookup): void {
  const stated = statedRevision(headers, null);
  if (stated !== null && eraOf(stated) === 'modern') {
    throw new Fault('method_not_allowed', `MCP ${stated} has POST alone, not ${method}.`);
  }
  if (headers.get('mcp-session-id') === null) {
    // MCP 2025-11-25, Listening for Messages: 405 where no stream is offered.
    throw new Fault('method_not_allowed', `${method} needs an MCP session; this request names none.`);
  }
  const accepted = (headers.get('accept') ?? '').toLowerCase();
  if (method === 'GET' && !/text\/event-stream|text\/\*|\*\/\*/.test(accepted)) {
    throw new Fault('not_acceptable', 'The Accept header of an MCP GET lists text/event-stream.');
  }
}
