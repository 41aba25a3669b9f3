import { isJsonObject, type Json, type JsonObject } from '../kernel/canonical-json.ts';
import { rememberedFor } from '../kernel/remembered-for.ts';
import { decodeHeaderValue } from './header-value.ts';
import type { HeaderLookup, Message } from './message.ts';
import { MessageFault } from './message-fault.ts';

/**
 * Headers that mirror the body must say what the body says; a modern request must carry them.
 * Whatever stands on the way and trusts them then sees the same request (MCP 2026-07-28, Streamable HTTP; SEP-2243).
 * Throws Fault `header_mismatch`.
 */
export function checkHeaders(headers: HeaderLookup, message: Message): void {
  const required = message.era === 'modern' && message.kind === 'request';
  if (required && headers.get('mcp-protocol-version') === null) {
    throw mismatch(message, 'MCP-Protocol-Version is missing');
  }
  agree(message, 'Mcp-Method', headers.get('mcp-method'), message.method, required);
  const name = mirroredName(message.method, message.params);
  agree(message, 'Mcp-Name', headers.get('mcp-name'), name, required && name !== null);
  for (const [header, value] of parametersIn(headers)) checkParam(message, header, value);
}

const parametersIn = rememberedFor((headers: HeaderLookup): readonly (readonly [string, string])[] =>
  [...headers.entries()].filter(([name]) => name.toLowerCase().startsWith('mcp-param-')),
);

function agree(
  message: Message,
  header: string,
  given: string | null,
  inBody: string | null,
  required: boolean,
): void {
  if (given === null) {
    if (required) throw mismatch(message, `${header} is missing`);
    return;
  }
  if (inBody === null || decodeHeaderValue(given) !== inBody) {
    throw mismatch(message, `${header} is not what the body says`);
  }
}

/** What `Mcp-Name` mirrors, or null when the method has no such header. */
export function mirroredName(method: string | null, params: JsonObject): string | null {
  switch (method) {
    case 'tools/call':
    case 'prompts/get':
      return text(params['name']);
    case 'resources/read':
      return text(params['uri']);
    case 'tasks/get':
    case 'tasks/update':
    case 'tasks/cancel':
      return text(params['taskId']);
    default:
      return null;
  }
}

function text(value: Json | undefined): string | null {
  return typeof value === 'string' ? value : null;
}

/** Which argument a header mirrors is known to the server's schema; that it mirrors one can be told here. */
function checkParam(message: Message, header: string, value: string): void {
  const decoded = decodeHeaderValue(value);
  if (decoded === null || !holds(message.arguments, decoded)) {
    throw mismatch(message, `${header} has a value that no argument has`);
  }
}

function holds(value: Json, wanted: string): boolean {
  if (typeof value === 'string') return value === wanted;
  if (typeof value === 'boolean') return String(value) === wanted;
  // SEP-2243: numbers are compared as numbers.
  if (typeof value === 'number') return wanted.trim() !== '' && Number(wanted) === value;
  return isJsonObject(value) && Object.values(value).some((member) => holds(member, wanted));
}

function mismatch(message: Message, what: string): MessageFault {
  return new MessageFault('header_mismatch', `Header and body disagree: ${what}.`, message.id);
}
