import type { JsonObject } from '../../kernel/canonical-json.ts';
import { isJsonObject } from '../../kernel/canonical-json.ts';
import { composeInbound } from '../../mcp/compose-inbound.ts';
import { encodeHeaderValue } from '../../mcp/header-value.ts';
import { firstModernRevision } from '../../mcp/revisions.ts';
import type { UpstreamRequest } from '../upstream.ts';

/** Who the caller says it is and what it can do, as the modern era repeats with every request. */
export interface ClientClaims {
  readonly info: JsonObject | null;
  readonly capabilities: JsonObject;
  readonly logLevel: string | null;
}

const ownClaims: ClientClaims = {
  info: { name: 'countersign', version: '1' },
  capabilities: {},
  logLevel: null,
};

export interface Call {
  readonly id: string | number;
  readonly method: string;
  readonly params: JsonObject;
}

/** A request of the modern era with its metadata; without claims it is the gateway's own. */
export function modernRequest(call: Call, claims: ClientClaims = ownClaims): JsonObject {
  const given = isJsonObject(call.params['_meta']) ? call.params['_meta'] : {};
  const meta: JsonObject = {
    ...given,
    'io.modelcontextprotocol/protocolVersion': firstModernRevision,
    'io.modelcontextprotocol/clientCapabilities': claims.capabilities,
    ...(claims.info ? { 'io.modelcontextprotocol/clientInfo': claims.info } : {}),
    ...(claims.logLevel === null ? {} : { 'io.modelcontextprotocol/logLevel': claims.logLevel }),
  };
  return { jsonrpc: '2.0', id: call.id, method: call.method, params: { ...call.params, _meta: meta } };
}

/** The POST of such a request, with the headers that repeat its body (MCP 2026-07-28, Streamable HTTP). */
export function modernPost(
  value: JsonObject,
  sender: Pick<UpstreamRequest, 'caller' | 'signal'>,
  mirrored: Readonly<Record<string, string>> = {},
): UpstreamRequest {
  const inbound = composeInbound(value, firstModernRevision);
  const [message] = inbound.messages;
  const headers: Record<string, string> = {
    accept: 'application/json, text/event-stream',
    'content-type': 'application/json',
    'mcp-protocol-version': firstModernRevision,
    'mcp-method': encodeHeaderValue(message?.method ?? ''),
    ...mirrored,
  };
  const name = message ? nameOf(message.method, message.params) : null;
  if (name !== null) headers['mcp-name'] = encodeHeaderValue(name);
  return { method: 'POST', headers, inbound, ...sender };
}

function nameOf(method: string | null, params: JsonObject): string | null {
  const name = method === 'resources/read' ? params['uri'] : params['name'];
  const named = method === 'tools/call' || method === 'prompts/get' || method === 'resources/read';
  return named && typeof name === 'string' ? name : null;
}
