import type { JsonObject } from '../kernel/canonical-json.ts';
import { isJsonObject } from '../kernel/canonical-json.ts';
import { encodeHeaderValue } from '../mcp/header-value.ts';
import type { Outgoing } from './outgoing.ts';
import type { ToolParameters } from '../mcp/tool-parameters.ts';

/** What is said of the session in the headers of a legacy request. */
export interface SessionHeaders {
  readonly id: string | null;
  readonly revision: string | null;
}

/** MCP, Streamable HTTP, Sending Messages. */
const posting = { accept: 'application/json, text/event-stream', 'content-type': 'application/json' };

/** The headers of a POST inside a session, or of `initialize`, which names neither session nor revision. */
export function legacyHeaders(session: SessionHeaders): Record<string, string> {
  return { ...posting, ...sessionHeaders(session) };
}

export function sessionHeaders({ id, revision }: SessionHeaders): Record<string, string> {
  return {
    ...(id === null ? {} : { 'mcp-session-id': id }),
    ...(revision === null ? {} : { 'mcp-protocol-version': revision }),
  };
}

/** The headers of a modern POST, which repeat what the body says (MCP 2026-07-28, Streamable HTTP). */
export function modernHeaders(
  outgoing: Outgoing,
  revision: string,
  parameters: ToolParameters,
): Record<string, string> {
  const headers: Record<string, string> = { ...posting };
  // What no header can carry is left to the gateway to refuse.
  if (/^[\x21-\x7e]{1,40}$/.test(revision)) headers['mcp-protocol-version'] = revision;
  const [message] = outgoing.messages;
  if (!message || message.method === null) return headers;
  headers['mcp-method'] = encodeHeaderValue(message.method);
  const name = mirroredName(message.method, message.params);
  if (name !== null) headers['mcp-name'] = encodeHeaderValue(name);
  if (message.method === 'tools/call' && name !== null) {
    const args = message.params['arguments'];
    Object.assign(headers, parameters.headers(name, isJsonObject(args) ? args : {}));
  }
  return headers;
}

const namedBy: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
};

function mirroredName(method: string, params: JsonObject): string | null {
  const member = Object.hasOwn(namedBy, method) ? namedBy[method] : undefined;
  const value = member === undefined ? undefined : params[member];
  return typeof value === 'string' ? value : null;
}
