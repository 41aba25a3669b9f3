import type { Inbound } from '../../mcp/message.ts';
import { circumstancesOf, mergedEvent } from '../record.ts';
import type { Asking } from './asking.ts';
import type { LeftOut } from './list-page.ts';

/** What the log calls all servers of an agent; no server has that name. */
export const everyServer = '*';

/**
 * Writes what became of a request to all servers, before it is answered: which servers were asked and which are
 * missing from the answer. What each was asked has entries of its own. Throws Fault `audit_unwritable`.
 */
export async function recordMerged(
  { exchange, standing, grant, ports }: Asking,
  merged: {
    readonly inbound: Inbound | null;
    readonly asked: readonly string[];
    readonly leftOut: readonly LeftOut[];
  },
): Promise<void> {
  const record = circumstancesOf(exchange, everyServer, {
    caller: standing.caller,
    grant,
    inbound: merged.inbound,
  });
  const leftOut = merged.leftOut.map(({ server, code }) => ({ code, server }));
  await ports.audit.append(mergedEvent(record, { leftOut, servers: merged.asked }));
}
