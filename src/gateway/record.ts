import { type AuditEvent, type AuditEventType, canonicalText } from '../audit/events.ts';
import { sha256Base64url } from '../kernel/bytes.ts';
import { canonicalJson, type Json } from '../kernel/canonical-json.ts';
import type { Fault } from '../kernel/fault.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Caller } from '../identity/caller.ts';
import type { Inbound, Message } from '../mcp/message.ts';
import type { SignedCall } from '../oauth/signed-call/check-call.ts';
import type { Grant } from '../oauth/resource/grant.ts';
import type { CutsMade } from './answer-guard.ts';
import type { Permit } from './authorize.ts';
import type { Recalled } from './flow/flow-memory.ts';
import { type FlowRecord, flowRecord } from './flow/flow-record.ts';
import type { Labels } from './flow/flow-rules.ts';
import {
  type PassportRecord,
  passportRecord,
  short,
  type SignatureRecord,
  signatureRecord,
  type TokenRecord,
  tokenRecord,
} from './record-parts.ts';
import { answeredText, permittedText } from './record-text.ts';

/** What one request left behind when it ended. */
export interface Outcome {
  readonly status: number;
  /** Octets sent to the caller. */
  readonly bytes: number;
  /** What was cut out of the answer; absent for nothing. */
  readonly redacted?: CutsMade;
  /** SHA-256 of the octets sent, base64url. */
  readonly resultHash: string;
  readonly milliseconds: number;
}

/** What a record says of one message. */
export type MessageRecord = {
  /** null for what has no arguments. */
  readonly argumentsHash: string | null;
  readonly id: Message['id'];
  readonly kind: Message['kind'];
  readonly method: string | null;
  readonly target: string | null;
};

/** What is known of a request so far. */
export interface Seen {
  readonly caller: Caller | null;
  readonly grant: Grant | null;
  readonly inbound: Inbound | null;
  /** What the agent had used before, once that was looked up. */
  readonly touched?: Recalled | null;
}

/** Who asked for what: the members that every record of one exchange shares. Values of arguments never appear. */
export interface Circumstances {
  readonly address: string;
  readonly agent: string | null;
  /** The token that the request came with; null where its server wants none, or before it was found good. */
  readonly token: TokenRecord | null;
  readonly exchange: string;
  readonly httpMethod: string;
  readonly messages: readonly MessageRecord[];
  readonly revision: string | null;
  readonly serial: string | null;
  readonly server: string;
  readonly spiffeId: string | null;
  readonly thumbprint: string | null;
  /** Canonical JSON of `messages`, which several records share; null until one needs it. */
  messagesText: string | null;
}

export function circumstancesOf(
  exchange: Exchange,
  server: string,
  { caller, grant, inbound }: Seen,
): Circumstances {
  return {
    address: exchange.connection.address,
    agent: caller?.name ?? null,
    token: grant && tokenRecord(grant),
    exchange: exchange.id,
    httpMethod: exchange.method,
    messages: inbound ? inbound.messages.map(messageRecord) : [],
    revision: inbound?.revision ?? null,
    serial: caller?.serial ?? null,
    server,
    spiffeId: caller?.spiffeId ?? null,
    thumbprint: caller?.thumbprint ?? null,
    messagesText: null,
  };
}

function messageRecord(message: Message): MessageRecord {
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

export function permittedEvent(
  circumstances: Circumstances,
  permit: Permit,
  more: {
    readonly signed: SignedCall | null;
    /** How the gateway gets its token for the server, where it gets one. */
    readonly credential: string | null;
    /** The hashes of the definitions of the tools that are called, where they are held to any. */
    readonly definitions: readonly string[] | null;
  },
): AuditEvent {
  const person = circumstances.token?.person ?? permit.standing.agent?.owner ?? null;
  const { passports, policies, policyVersion, approval } = permit;
  const { signed, credential, definitions } = more;
  const delegated = passports && passports.size > 0;
  const flow = flowRecord(permit.labels, permit.touched);
  const evidence = {
    ...(delegated && { passports: [...passports.values()].map(passportRecord) }),
    ...(signed && { signature: signatureRecord(signed) }),
    ...(credential && { credential }),
    ...(approval && { approval: approval.id }),
    ...(definitions && { definitions }),
  };
  const event = beginning('call.permitted', circumstances, {
    person,
    policies,
    policyVersion,
    ...flow,
    ...evidence,
  });
  // Only what is the same in every call is written out at once.
  if (!signed && !credential && !delegated && !approval)
    event[canonicalText] = permittedText(circumstances, {
      person,
      policies,
      policyVersion,
      definitions,
      ...flow,
    });
  return event;
}

export function refusedEvent(
  circumstances: Circumstances,
  fault: Fault,
  policyVersion: string,
  flow: { readonly labels: Labels; readonly touched: Recalled | null } | null = null,
): AuditEvent {
  const { token } = circumstances;
  return beginning('call.refused', circumstances, {
    ...(token && { person: token.person }),
    ...(flow && flowRecord(flow.labels, flow.touched)),
    code: fault.code,
    reason: short(fault.message),
    policyVersion,
  });
}

export function answeredEvent(circumstances: Circumstances, outcome: Outcome): AuditEvent {
  const event = ending('call.answered', circumstances, outcome);
  // Only what is the same in every call is written out at once.
  if (!outcome.redacted) event[canonicalText] = answeredText(circumstances, outcome);
  return event;
}

export function failedEvent(circumstances: Circumstances, fault: Fault, milliseconds: number): AuditEvent {
  return ending('call.failed', circumstances, {
    code: fault.code,
    reason: short(fault.message),
    milliseconds,
  });
}

export function cutEvent(circumstances: Circumstances, reason: string): AuditEvent {
  return ending('stream.cut', circumstances, { reason });
}

/** What became of a request to all servers: who was asked, who is missing from the answer. */
export function mergedEvent(
  circumstances: Circumstances,
  parts: { readonly servers: readonly string[]; readonly leftOut: readonly Json[] },
): AuditEvent {
  return { ...beginning('call.merged', circumstances, {}), ...parts };
}

/** An event that may still be given its text. */
interface Begun extends AuditEvent {
  [canonicalText]?: string;
}

/** How a request was decided, with all that is known of it. Members stand in the order of canonical JSON, which so is written at once. */
function beginning(
  type: AuditEventType,
  shared: Circumstances,
  more: {
    readonly code?: string;
    readonly person?: string | null;
    readonly policies?: readonly string[];
    readonly policyVersion?: string;
    readonly reason?: string;
    readonly approval?: string;
    readonly credential?: string;
    readonly passports?: readonly PassportRecord[];
    readonly definitions?: readonly string[];
    readonly signature?: SignatureRecord;
  } & FlowRecord,
): Begun {
  return {
    actors: shared.token?.actors,
    address: shared.address,
    agent: shared.agent,
    approval: more.approval,
    binding: shared.token?.binding,
    client: shared.token?.client,
    code: more.code,
    credential: more.credential,
    definitions: more.definitions,
    exchange: shared.exchange,
    grant: shared.token?.grant,
    httpMethod: shared.httpMethod,
    issuer: shared.token?.issuer,
    labels: more.labels,
    messages: shared.messages,
    passports: more.passports,
    person: more.person,
    policies: more.policies,
    policyVersion: more.policyVersion,
    reason: more.reason,
    revision: shared.revision,
    serial: shared.serial,
    server: shared.server,
    signature: more.signature,
    spiffeId: shared.spiffeId,
    thumbprint: shared.thumbprint,
    tokenId: shared.token?.tokenId,
    touched: more.touched,
    type,
  };
}

/** What came of a permitted request; `exchange` leads to the rest of what is known of it. */
function ending(
  type: AuditEventType,
  shared: Circumstances,
  more: Partial<Outcome> & { readonly code?: string; readonly reason?: string },
): Begun {
  return {
    agent: shared.agent,
    bytes: more.bytes,
    code: more.code,
    exchange: shared.exchange,
    messages: shared.messages,
    milliseconds: more.milliseconds,
    reason: more.reason,
    redacted: more.redacted && { ...more.redacted },
    resultHash: more.resultHash,
    serial: shared.serial,
    server: shared.server,
    status: more.status,
    type,
  };
}
