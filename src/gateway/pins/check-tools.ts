import type { Exchange } from '../../http/exchange.ts';
import { isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Inbound } from '../../mcp/message.ts';
import { Grant } from '../../oauth/resource/grant.ts';
import type { GatewayPorts } from '../ports.ts';
import { readToolList } from './read-tool-list.ts';
import type { CheckedTools } from './tool-pins.ts';

/** A body that policy permits, or would if somebody approved it. */
export interface AskedBody {
  readonly server: string;
  readonly party: string;
  readonly inbound: Inbound | null;
  readonly grant: Grant | null;
}

/** Holds the calls of a body to the definitions that were approved. Throws what `ToolPins.check` throws. */
export function checkTools(
  exchange: Exchange,
  asked: AskedBody,
  ports: GatewayPorts,
): CheckedTools | null | Promise<CheckedTools> {
  const { server, party, inbound } = asked;
  if (!inbound || !ports.toolPins.guards(server)) return null;
  const readList = (): Promise<readonly Json[]> => readAsCaller(exchange, { ...asked, inbound }, ports);
  return ports.toolPins.check({ server, party, inbound, readList });
}

/** The list as this caller would be given it now: in its session, with its token. It is for the check alone. */
async function readAsCaller(
  exchange: Exchange,
  { server, party, inbound, grant }: AskedBody & { readonly inbound: Inbound },
  ports: GatewayPorts,
): Promise<readonly Json[]> {
  const upstream = ports.upstream(server);
  if (!upstream) throw new Fault('server_unknown', `No MCP server named ${server} is registered.`);
  const { era, revision } = inbound;
  const headers: Record<string, string> = {
    accept: 'application/json, text/event-stream',
    'content-type': 'application/json',
  };
  const stated = exchange.headers.get('mcp-protocol-version');
  if (stated !== null) headers['mcp-protocol-version'] = stated;
  if (era === 'modern') headers['mcp-method'] = 'tools/list';
  const sealed = exchange.headers.get('mcp-session-id');
  if (era === 'legacy' && sealed !== null)
    headers['mcp-session-id'] = ports.seal.open(sealed, { party, server });
  return await readToolList({
    upstream,
    headers,
    revision,
    params: era === 'modern' ? metadataOf(inbound) : {},
    caller: party,
    subjectToken: grant && Grant.subjectTokenOf(grant),
  });
}

/** The metadata that the revision wants with every request, without what belongs to the call alone. */
function metadataOf({ messages }: Inbound): JsonObject {
  const meta = messages[0]?.params['_meta'];
  if (!isJsonObject(meta)) return {};
  const { progressToken: _progress, ...rest } = meta;
  return { _meta: rest };
}
