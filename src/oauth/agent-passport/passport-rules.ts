import type { Delegation } from './delegation.ts';
import { keyOfDid } from './did-key.ts';
import { Refusal } from './refusal.ts';
import { type ChainPorts, type VerifiedChain, verifyChain } from './verify-chain.ts';
import type { Json, JsonObject } from '../../kernel/canonical-json.ts';

/** What is wanted of calls to a server: the scopes that each tool needs, where they are not `mcp:<server>:<tool>`. */
export type PassportTools = ReadonlyMap<string, readonly string[]>;

/** Whose passports count, for what; what stands in the file, with its delegations verified. */
export interface PassportRules {
  /** The servers whose tool calls have to come with an intent. */
  readonly servers: ReadonlyMap<string, PassportTools>;
  /** The DIDs of agents, by the name that policies have for them. */
  readonly agents: ReadonlyMap<string, ReadonlySet<string>>;
  /** By the id of their last delegation. */
  readonly chains: ReadonlyMap<string, VerifiedChain>;
  readonly revoked: ReadonlySet<string>;
  readonly keyOf: ChainPorts['keyOf'];
}

/** Keys of DIDs that are not themselves the key, by verification method; each 64 hexadecimal digits. */
export type NamedKeys = ReadonlyMap<string, string>;

/** A key by its DID where that is the key (did:key), else as it was named. */
export function keysOf(named: NamedKeys): ChainPorts['keyOf'] {
  return (controller, method) => {
    if (!method.startsWith(`${controller}#`)) return null;
    return controller.startsWith('did:key:') ? keyOfDid(controller) : (named.get(method) ?? null);
  };
}

/** A record that is part of no good chain: which, and why. */
export interface UnsoundRecord {
  readonly place: number;
  readonly refusal: Refusal;
}

/**
 * Makes of delegations, in any order, the chain that leads to each. All of them are verified, whether somebody acts under
 * them or not: the first that is not sound is the answer.
 */
export function chainsOf(
  records: readonly JsonObject[],
  ports: ChainPorts,
): ReadonlyMap<string, VerifiedChain> | UnsoundRecord {
  const byId = new Map(records.map((record) => [record['delegation_id'], record]));
  const chains = new Map<string, VerifiedChain>();
  for (const [place, record] of records.entries()) {
    const chain = verifyChain(ancestryOf(record, byId), ports);
    if (chain instanceof Refusal) return { place, refusal: chain };
    chains.set(chain.leaf.id, chain);
  }
  return chains;
}

/** Root first. A circle of parents ends where it closes, and the first of it has a parent: no chain. */
function ancestryOf(
  leaf: JsonObject,
  byId: ReadonlyMap<Json | undefined, JsonObject>,
): readonly JsonObject[] {
  const line = new Set<JsonObject>([leaf]);
  for (let at: JsonObject | undefined = leaf; at; ) {
    at = byId.get(at['parent_delegation_id']);
    if (!at || line.has(at)) break;
    line.add(at);
  }
  return [...line].reverse();
}

/** Who may begin chains. */
export function rootedIn(roots: ReadonlySet<string>): ChainPorts['isRoot'] {
  return ({ issuer }: Delegation) => roots.has(issuer);
}
