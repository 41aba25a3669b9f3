import { sha256, toHex, utf8 } from '../../kernel/bytes.ts';
import {
  canonicalJson,
  isJsonArray,
  isJsonObject,
  type Json,
  type JsonObject,
} from '../../kernel/canonical-json.ts';
import { hasExactly, instantOf, isHex, quantityOf } from './canonical-values.ts';
import { verifiesEd25519 } from './ed25519.ts';
import { canonicalServerUri } from './resource-uri.ts';

/** Where a call carries its intent, within `params._meta`. */
export const intentMeta = 'org.agent-passport/authorization';

/** Why an intent is not accepted, in the words of the profile `aps-mcp-1`. */
export type IntentRefusalCode =
  | 'MCP_AUTHORIZATION_MALFORMED'
  | 'MCP_TARGET_MISMATCH'
  | 'MCP_ARGUMENTS_MISMATCH'
  | 'MCP_ACTION_REF_MISMATCH'
  | 'MCP_AUTHORIZATION_NOT_CURRENT'
  | 'MCP_SIGNING_KEY_NOT_FOUND'
  | 'MCP_SIGNATURE_INVALID';

export class IntentRefusal {
  readonly code: IntentRefusalCode;
  readonly why: string;

  constructor(code: IntentRefusalCode, why: string) {
    this.code = code;
    this.why = why;
  }
}

/** What a call has to be for an intent to be about it. */
export interface ExpectedCall {
  /** The canonical URI of the server that is called. */
  readonly server: string;
  readonly tool: string;
  readonly arguments: JsonObject;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** An agent's signed word that it wants this call: made for these arguments, under that delegation, once. */
export interface Intent {
  /** The DID of the agent. */
  readonly agent: string;
  /** The delegation that it acts under. */
  readonly delegation: string;
  /** The scopes that it says it needs, sorted. */
  readonly scopes: readonly string[];
  readonly spend: { readonly unit: string; readonly amount: bigint } | null;
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** What is taken once: the hash of the whole act, 64 hexadecimal digits. */
  readonly actionRef: string;
}

/** Checks the intent of a call. `keyOf` as of a chain. Whether it was made before, and what it may, is not looked at. */
export function checkIntent(
  value: Json,
  call: ExpectedCall,
  keyOf: (controller: string, verificationMethod: string, at: number) => string | null,
): Intent | IntentRefusal {
  const read = readIntent(value);
  if (read instanceof IntentRefusal) return read;
  const { intent, said } = read;
  if (said.server !== call.server || said.tool !== call.tool) {
    return new IntentRefusal('MCP_TARGET_MISMATCH', `It is for the tool ${said.tool} of ${said.server}.`);
  }
  // Two readers can take a whole number beyond 2^53 for different ones.
  if (!isExact(call.arguments) || hashOf('APS-MCP-ARGUMENTS-V1', call.arguments) !== said.argumentsHash) {
    return new IntentRefusal('MCP_ARGUMENTS_MISMATCH', 'It was made for other arguments.');
  }
  if (hashOf('APS-ACTION-REF-V2', actionOf(said)) !== intent.actionRef) {
    return new IntentRefusal('MCP_ACTION_REF_MISMATCH', 'action_ref is not the hash of the act.');
  }
  if (call.now < intent.issuedAt || call.now >= intent.expiresAt) {
    return new IntentRefusal('MCP_AUTHORIZATION_NOT_CURRENT', 'It is not valid now.');
  }
  const key = keyOf(intent.agent, said.verificationMethod, intent.issuedAt);
  if (key === null) {
    return new IntentRefusal('MCP_SIGNING_KEY_NOT_FOUND', `No key is known for ${said.verificationMethod}.`);
  }
  const { signature: _signature, ...unsigned } = said.record;
  if (verifiesEd25519(`APS-MCP-INTENT-V1\0${canonicalJson(unsigned)}`, said.signature, key)) return intent;
  return new IntentRefusal('MCP_SIGNATURE_INVALID', 'Its signature is not of this text by that key.');
}

/** What stands in an intent besides what is handed on. */
interface Said {
  readonly server: string;
  readonly tool: string;
  readonly argumentsHash: string;
  readonly verificationMethod: string;
  readonly signature: string;
  readonly record: JsonObject;
}

const members = [
  'profile',
  'agent_id',
  'verification_method',
  'delegation_ref',
  'mcp_server',
  'method',
  'tool_name',
  'arguments_hash',
  'scope_required',
  'nonce',
  'issued_at',
  'expires_at',
  'action_ref',
  'signature',
];

const longestText = 1_024;
const mostScopes = 64;

function readIntent(value: Json): { readonly intent: Intent; readonly said: Said } | IntentRefusal {
  if (!isJsonObject(value)) return malformed('It is no object.');
  const named = Object.hasOwn(value, 'spend') ? [...members, 'spend'] : members;
  if (!hasExactly(value, named))
    return malformed(`It has exactly the members ${members.join(', ')}, and may have spend.`);
  if (value['profile'] !== 'aps-mcp-1' || value['method'] !== 'tools/call') {
    return malformed('Only the profile aps-mcp-1 and the method tools/call are known.');
  }
  const { agent_id: agent, verification_method: method, delegation_ref: delegation } = value;
  if (!isText(agent) || !/^did:[a-z0-9]+:.+$/.test(agent)) return malformed('agent_id is a DID.');
  if (!isText(method) || !method.startsWith(`${agent}#`))
    return malformed('verification_method is a part of agent_id.');
  if (!isText(delegation)) return malformed('delegation_ref is the id of a delegation.');
  const {
    mcp_server: server,
    tool_name: tool,
    arguments_hash: argumentsHash,
    action_ref: actionRef,
    signature,
  } = value;
  if (!isText(server) || canonicalServerUri(server) !== server)
    return malformed('mcp_server is no canonical URI.');
  if (typeof tool !== 'string' || !/^[A-Za-z0-9_.-]{1,128}$/.test(tool))
    return malformed('tool_name has other characters.');
  if (
    !isHex(argumentsHash, 64) ||
    !isHex(actionRef, 64) ||
    !isHex(value['nonce'], 32) ||
    !isHex(signature, 128)
  ) {
    return malformed('arguments_hash, action_ref, nonce and signature are hexadecimal.');
  }
  const scopes = readScopes(value['scope_required'] ?? null);
  const spend = readSpend(value['spend'] ?? null, Object.hasOwn(value, 'spend'));
  const issuedAt = instantOf(value['issued_at']);
  const expiresAt = instantOf(value['expires_at']);
  if (scopes === null) return malformed('scope_required is a list of NFC texts, sorted, each once.');
  if (spend === undefined) return malformed('spend has a unit and an amount, a whole number as text.');
  if (issuedAt === null || expiresAt === null || issuedAt >= expiresAt) {
    return malformed('issued_at and expires_at are UTC with milliseconds, in that order.');
  }
  return {
    intent: { agent, delegation, scopes, spend, issuedAt, expiresAt, actionRef },
    said: { server, tool, argumentsHash, verificationMethod: method, signature, record: value },
  };
}

function readScopes(value: Json): readonly string[] | null {
  if (!isJsonArray(value) || value.length > mostScopes) return null;
  const scopes = value.filter(
    (scope) => isText(scope) && scope === scope.normalize('NFC'),
  ) as readonly string[];
  if (scopes.length !== value.length) return null;
  const ascending = scopes.every((scope, index) => {
    const before = scopes[index - 1];
    // By octets of UTF-8, which for surrogate pairs is not the order of JavaScript.
    return before === undefined || Buffer.compare(utf8(before), utf8(scope)) < 0;
  });
  return ascending ? scopes : null;
}

/** undefined for what is no spend. */
function readSpend(value: Json, given: boolean): Intent['spend'] | undefined {
  if (!given) return null;
  if (!isJsonObject(value) || !hasExactly(value, ['unit', 'amount'])) return undefined;
  const { unit } = value;
  const amount = quantityOf(value['amount']);
  if (typeof unit !== 'string' || !/^[A-Za-z0-9:._-]{1,64}$/.test(unit) || amount === null) return undefined;
  return { unit, amount };
}

function isText(value: Json | undefined): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= longestText && value.isWellFormed();
}

/** The act that an intent is about, as its `action_ref` is taken over it (`aps-action-ref-v2`). */
function actionOf({ server, tool, record }: Said): JsonObject {
  const {
    agent_id = null,
    arguments_hash = null,
    scope_required = null,
    issued_at = null,
    nonce = null,
  } = record;
  return {
    profile: 'aps-action-ref-v2',
    agent_id,
    action_type: 'mcp:tools/call',
    target: `${server}#tool=${encodeURIComponent(tool)}`,
    payload_ref: arguments_hash,
    scope_required,
    issued_at,
    nonce,
  };
}

function isExact(value: Json): boolean {
  if (typeof value === 'number') return !Number.isInteger(value) || Number.isSafeInteger(value);
  if (isJsonArray(value)) return value.every(isExact);
  return !isJsonObject(value) || Object.values(value).every(isExact);
}

function hashOf(domain: string, value: JsonObject): string {
  return toHex(sha256(`${domain}\0${canonicalJson(value)}`));
}

function malformed(why: string): IntentRefusal {
  return new IntentRefusal('MCP_AUTHORIZATION_MALFORMED', why);
}
