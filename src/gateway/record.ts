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
export interface Circumstances {
  readonly address: string;
  readonly agent: string | null;
  readonly exchange: string;
  readonly httpMethod: string;
  readonly messages: readonly Json[];
  readonly revision: string | null;
  readonly serial: string | null;
  readonly server: string;
  readonly spiffeId: string | null;
  readonly thumbprint: string | null;
}

export function circumstancesOf(
  exchange: Exchange,
  server: string,
  caller: Caller | null,
  inbound: Inbound | null,
): Circumstances {
  return {
    address: exchange.connection.address,
    agent: caller?.name ?? null,
    exchange: exchange.id,
    httpMethod: exchange.method,
    messages: inbound ? inbound.messages.map(messageRecord) : [],
    revision: inbound?.revision ?? null,
    serial: caller?.serial ?? null,
    server,
    spiffeId: caller?.spiffeId ?? null,
    thumbprint: caller?.thumbprint ?? null,
  };
}

function messageRecord(message: Message): Json {
  return {
    argumentsHash: message.kind === 'request' ? sha256Base64url(canonicalJson(message.arguments)) : null,
    id: typeof message.id === 'string' ? short(message.id) : message.id,
    kind: message.kind,
    method: message.method === null ? null : short(message.method),
    target: targetName(message),
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

export function permittedEvent(circumstances: Circumstances, permit: Permit): AuditEvent {
  return event('call.permitted', circumstances, {
    person: permit.standing.agent?.owner ?? null,
    policies: permit.policies,
    policyVersion: permit.policyVersion,
  });
}

export function refusedEvent(circumstances: Circumstances, fault: Fault, policyVersion: string): AuditEvent {
  return event('call.refused', circumstances, {
    code: fault.code,
    reason: short(fault.message),
    policyVersion,
  });
}

export function answeredEvent(circumstances: Circumstances, outcome: Outcome): AuditEvent {
  return event('call.answered', circumstances, outcome);
}

export function failedEvent(circumstances: Circumstances, fault: Fault, milliseconds: number): AuditEvent {
  return event('call.failed', circumstances, {
    code: fault.code,
    reason: short(fault.message),
    milliseconds,
  });
}

export function cutEvent(circumstances: Circumstances, reason: string): AuditEvent {
  return event('stream.cut', circumstances, { reason });
}

/** What became of a request to all servers: who was asked, who is missing from the answer. */
export function mergedEvent(
  circumstances: Circumstances,
  parts: { readonly servers: readonly string[]; readonly leftOut: readonly Json[] },
): AuditEvent {
  return { ...event('call.merged', circumstances, {}), ...parts };
}

interface Particulars extends Partial<Outcome> {
  readonly code?: string;
  readonly person?: string | null;
  readonly policies?: readonly string[];
  readonly policyVersion?: string;
  readonly reason?: string;
}

/** All members in the order of canonical JSON, which so is written at once; undefined ones are left out. */
function event(type: AuditEventType, shared: Circumstances, more: Particulars): AuditEvent {
  return {
    address: shared.address,
    agent: shared.agent,
    bytes: more.bytes,
    code: more.code,
    exchange: shared.exchange,
    httpMethod: shared.httpMethod,
    messages: shared.messages,
    milliseconds: more.milliseconds,
    person: more.person,
    policies: more.policies,
    policyVersion: more.policyVersion,
    reason: more.reason,
    resultHash: more.resultHash,
    revision: shared.revision,
    serial: shared.serial,
    server: shared.server,
    spiffeId: shared.spiffeId,
    status: more.status,
    thumbprint: shared.thumbprint,
    type,
  };
}
