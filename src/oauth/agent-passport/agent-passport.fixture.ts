import { generateKeyPairSync } from 'node:crypto';
import {
  computeAuthorityDelegationId,
  issueApsMcpAuthorizationV1,
  signAuthorityDelegation,
  toDIDKey,
} from 'agent-passport-system';
import type { Json, JsonObject } from '../../kernel/canonical-json.ts';
import { toHex } from '../../kernel/bytes.ts';
import { keyOfDid } from './did-key.ts';
import type { ChainPorts } from './verify-chain.ts';

/** Somebody with an Ed25519 key, as the reference implementation has them. */
export interface Party {
  readonly did: string;
  readonly method: string;
  readonly publicKey: string;
  readonly privateKey: string;
}

export function party(): Party {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const key = toHex(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32));
  const did = toDIDKey(key);
  const seed = toHex(privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32));
  return { did, method: `${did}#key-1`, publicKey: key, privateKey: seed };
}

export const noon = Date.parse('2026-11-26T12:00:00.000Z');
const text = (milliseconds: number): string => new Date(milliseconds).toISOString();

type Changes = { readonly [member: string]: Json };

/** A record that the reference implementation signs; `authority` and `body` change single members of it. */
export function delegated(
  issuer: Party,
  subject: Party,
  parent: JsonObject | null,
  changes: { readonly authority?: Changes; readonly body?: Changes } = {},
): JsonObject {
  const body: JsonObject = {
    record_type: 'aps:authority-delegation:v1',
    version: '1.0',
    parent_delegation_id: parent === null ? null : (parent['delegation_id'] ?? null),
    issuer: issuer.did,
    subject: subject.did,
    verification_method: issuer.method,
    issued_at: text(noon - 60_000),
    nonce: toHex(Buffer.alloc(16, parent === null ? 1 : 2)),
    authority: {
      scope: { profile: 'aps-hierarchical-v1', grants: ['mcp:billing:*', 'payments:pay'] },
      spend: { mode: 'bounded', unit: 'iso4217:EUR:minor', per_action: '500', cumulative: '5000' },
      depth: { remaining: parent === null ? 3 : 2 },
      time: { not_before: text(noon - 60_000), not_after: text(noon + 3_600_000) },
      reputation: { profile: 'aps-score-0-100-v1', ceiling: 80 },
      values: { profile: 'aps-values-identifiers-v1', required: ['no-deception', 'privacy'] },
      reversibility: { profile: 'aps-tci-v1', ceiling: 'compensable' },
      ...changes.authority,
    },
    ...changes.body,
  };
  return signedBy(issuer, body);
}

/** Names and signs a body as it stands, sound or not. */
export function signedBy(issuer: Party, body: JsonObject): JsonObject {
  const delegation_id = computeAuthorityDelegationId(body as never);
  const unsigned = { ...body, delegation_id };
  return { ...unsigned, signature: signAuthorityDelegation(unsigned as never, issuer.privateKey) };
}

/** Trusts one root, and knows keys from DIDs alone. */
export function trusting(root: Party): ChainPorts {
  return {
    keyOf: (controller, method) => (method.startsWith(`${controller}#`) ? keyOfDid(controller) : null),
    isRoot: ({ issuer }) => issuer === root.did,
  };
}

export const billing = 'https://gateway.example/mcp/billing';

/** An intent for one call, signed by the reference implementation. */
export function intended(agent: Party, delegation: JsonObject, changes: Changes = {}): JsonObject {
  const issued = issueApsMcpAuthorizationV1({
    agent_id: agent.did,
    verification_method: agent.method,
    delegation_ref: delegation['delegation_id'],
    mcp_server: billing,
    tool_name: 'pay',
    arguments: { amount: 12, to: 'ada' },
    scope_required: ['mcp:billing:pay'],
    nonce: toHex(Buffer.alloc(16, 7)),
    issued_at: text(noon - 1_000),
    expires_at: text(noon + 29_000),
    private_key_hex: agent.privateKey,
    ...changes,
  } as never);
  return issued as unknown as JsonObject;
}
