import { isJsonObject, type Json } from '../kernel/canonical-json.ts';
import { readEnvelope } from './envelope.ts';
import type { HeaderLookup, Message } from './message.ts';
import { MessageFault } from './message-fault.ts';
import { revisions, revisionsOf } from './revisions.ts';

/**
 * The revision that the header states, or null without one. The body is looked at only for what the refusal has to say.
 * Throws Fault `protocol_version`, or `header_mismatch` when the body names another one.
 */
export function statedRevision(headers: HeaderLookup, body: Json): string | null {
  const stated = headers.get('mcp-protocol-version');
  if (stated === null || revisions.includes(stated)) return stated;
  const { id, claim } = saysOf(body);
  if (claim !== null && claim !== stated) {
    throw new MessageFault(
      'header_mismatch',
      'Header and body disagree: MCP-Protocol-Version and params._meta name different revisions.',
      id,
    );
  }
  throw unsupported(stated, id, claim === null ? revisions : revisionsOf('modern'));
}

/**
 * The refusal of a revision, with those that the sender can choose from (MCP 2026-07-28, Protocol Version Negotiation):
 * for a message with metadata the ones that have it.
 */
export function unsupported(
  requested: string,
  id: Message['id'],
  supported: readonly string[],
): MessageFault {
  return new MessageFault(
    'protocol_version',
    `MCP revision ${requested.slice(0, 40)} is not supported; ${supported.join(', ')} are.`,
    id,
    { supported: [...supported], requested: requested.slice(0, 40) },
  );
}

function saysOf(body: Json): { readonly id: Message['id']; readonly claim: string | null } {
  if (!isJsonObject(body)) return { id: null, claim: null };
  const { id, params } = body;
  const known = typeof id === 'string' || (typeof id === 'number' && Number.isSafeInteger(id));
  return {
    id: known ? id : null,
    claim: isJsonObject(params) ? readEnvelope(params).revision : null,
  };
}
