import type { Standing } from '../../identity/standing.ts';
import { sha256Base64url } from '../../kernel/bytes.ts';
import { canonicalJson, isJsonObject, type JsonObject } from '../../kernel/canonical-json.ts';
import type { Message } from '../../mcp/message.ts';
import { intentMeta } from '../../oauth/agent-passport/intent.ts';
import type { Grant } from '../../oauth/resource/grant.ts';
import type { Decision } from '../../policy/question.ts';
import { partyOf } from '../party-of.ts';
import type { AskedCall } from './call-approvals.ts';

/** A request that policy asks about, and who makes it. */
export interface AskedAbout {
  readonly standing: Standing;
  readonly grant: Grant | null;
  readonly server: string;
  readonly address: string;
  readonly message: Message;
  readonly decision: Extract<Decision, { outcome: 'ask' }>;
}

/**
 * A call as it is asked about. An approval is bound to the agent by its SPIFFE ID, to whom and which client its token is for, to
 * the server, the method and every parameter as it will be forwarded, and to what the asking policies say; neither to one
 * certificate, nor to one session, nor to policies that have nothing to do with it.
 */
export function askedCall({ standing, grant, server, address, message, decision }: AskedAbout): AskedCall {
  const { caller } = standing;
  const { target } = message;
  const params = boundParams(message.params);
  const shared = {
    spiffeId: caller.spiffeId,
    client: grant?.client ?? null,
    server,
    method: message.method ?? '',
    params,
    asks: decision.asks,
  };
  const bound = { ...shared, party: partyOf(caller, grant), asks: decision.asks.map((ask) => ({ ...ask })) };
  return {
    ...shared,
    digest: hashOf(bound),
    agent: caller.name,
    person: grant?.person ?? null,
    target: target.kind === 'server' ? '' : target.kind === 'resource' ? target.uri : target.name,
    argumentsHash: hashOf(message.arguments),
    policyVersion: decision.version,
    address,
  };
}

function hashOf(value: JsonObject): string {
  return sha256Base64url(canonicalJson(value));
}

/** Everything but the metadata that differs from one attempt of the same call to the next. */
function boundParams({ _meta: meta, ...params }: JsonObject): JsonObject {
  if (!isJsonObject(meta)) return params;
  const kept = Object.entries(meta).filter(([name]) => !perAttempt(name));
  return kept.length === 0 ? params : { ...params, _meta: Object.fromEntries(kept) };
}

/** MCP 2026-07-28, General fields: the envelope of the protocol, progress, and trace context; and the intent of an Agent Passport, which is good once. */
function perAttempt(name: string): boolean {
  return (
    [intentMeta, 'progressToken', 'traceparent', 'tracestate', 'baggage'].includes(name) ||
    name.startsWith('io.modelcontextprotocol/')
  );
}
