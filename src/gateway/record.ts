import type { AuditEvent, AuditEventType } from '../audit/events.ts';
import { sha256Base64url } from '../kernel/bytes.ts';
import { canonicalJson, type Json } from '../kernel/canonical-json.ts';
import type { Fault } from '../kernel/fault.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Caller } from '../identity/caller.ts';
import type { Inbound, Message } from '../mcp/message.ts';
import type { Permit } from './authorize.ts';

/** What one request left behind when it ended. */
export interface Outcome {
  readonly status: number;
  /** Octets sent to the caller. */
  readonly bytes: number;
  /** SHA-256 of the octets sent, base64url. */
  readonly resultHash: string;
  readonly milliseconds: number;
}

/** Who asked for what: the members that every record of one exchange shares. Values of arguments never appear. */
export function circumstancesOf(
  exchange: Exchange,
  server: string,
  caller: Caller | null,
  inbound: Inbound | null,
): Record<string, Json> {
  return {
    exchange: exchange.id,
    agent: caller?.name ?? null,
    spiffeId: caller?.spiffeId ?? null,
    serial: caller?.serial ?? null,
    thumbprint: caller?.thumbprint ?? null,
    address: exchange.connection.address,
    server,
    httpMethod: exchange.method,
    revision: inbound?.revision ?? null,
    messages: inbound ? inbound.messages.map(messageRecord) : [],
  };
}

function messageRecord(message: Message): Json {
  return {
    kind: message.kind,
    id: typeof message.id === 'string' ? short(message.id) : message.id,
    method: message.method === null ? null : short(message.method),
    target: targetName(message),
    argumentsHash: message.kind === 'request' ? sha256Base64url(canonicalJson(message.arguments)) : null,
  };
}

function targetName(message: Message): string | null {
  const { target } = message;
  if (target.kind === 'server') return null;
  return short(target.kind === 'resource' ? target.uri : target.name);
}

/** The longest text of a client that a record repeats, in UTF-16 units; a log entry has a greatest size. */
const longestText = 512;

/** A text of the client as a record keeps it: whole, or its beginning and its hash. */
function short(text: string): string {
  if (text.length <= longestText) return text;
  return `${text.slice(0, longestText).toWellFormed()}… (sha256 ${sha256Base64url(text)})`;
}

export function permittedEvent(circumstances: Record<string, Json>, permit: Permit): AuditEvent {
  return event('call.permitted', circumstances, {
    person: permit.standing.agent?.owner ?? null,
    policies: permit.policies,
    policyVersion: permit.policyVersion,
  });
}

export function refusedEvent(
  circumstances: Record<string, Json>,
  fault: Fault,
  policyVersion: string,
): AuditEvent {
  return event('call.refused', circumstances, {
    code: fault.code,
    reason: short(fault.message),
    policyVersion,
  });
}

export function answeredEvent(circumstances: Record<string, Json>, outcome: Outcome): AuditEvent {
  return event('call.answered', circumstances, { ...outcome });
}

export function failedEvent(
  circumstances: Record<string, Json>,
  fault: Fault,
  milliseconds: number,
): AuditEvent {
  return event('call.failed', circumstances, {
    code: fault.code,
    reason: short(fault.message),
    milliseconds,
  });
}

function event(type: AuditEventType, shared: Record<string, Json>, more: Record<string, Json>): AuditEvent {
  return { type, ...shared, ...more };
}
