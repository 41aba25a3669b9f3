import { isJsonObject, type JsonObject } from '../kernel/canonical-json.ts';
import { Fault } from '../kernel/fault.ts';
import { composeInbound } from '../mcp/compose-inbound.ts';
import type { ChannelSession } from './channel-session.ts';
import { readMessages } from './eras/read-messages.ts';

/** The notification by which a client of the legacy era says that it is ready. */
export const ready = 'notifications/initialized';

/**
 * The handshake of a client that has had it with another gateway already, over a channel that was opened anew. `stated` is the
 * revision that its requests name; those of 2025-03-26 name none. Throws Fault `session_unknown` when the server does not
 * agree to that one, or what posting throws.
 */
export async function greetAgain(
  session: ChannelSession,
  greeting: JsonObject,
  { stated, milliseconds }: { readonly stated: string | undefined; readonly milliseconds: number },
): Promise<void> {
  const signal = AbortSignal.timeout(milliseconds);
  const revision = stated ?? greetingRevision(greeting);
  const hello = { jsonrpc: '2.0', id: 'countersign-again', method: 'initialize', params: greeting };
  const response = await session.post(composeInbound(hello, revision), signal);
  let agreed: unknown = null;
  for await (const { result } of readMessages(response)) {
    if (isJsonObject(result)) agreed = result['protocolVersion'];
  }
  if (stated !== undefined ? agreed !== stated : typeof agreed !== 'string') {
    throw new Fault(
      'session_unknown',
      'This session could not be opened anew at the MCP server. Start a new one.',
    );
  }
  await sayReady(session, revision, signal);
}

export async function sayReady(
  session: ChannelSession,
  revision: string,
  signal: AbortSignal,
): Promise<void> {
  await session.post(composeInbound({ jsonrpc: '2.0', method: ready }, revision), signal);
}

function greetingRevision({ protocolVersion }: JsonObject): string {
  return typeof protocolVersion === 'string' ? protocolVersion : '2025-03-26';
}
