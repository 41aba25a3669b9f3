import { sha256, toHex } from '../../kernel/bytes.ts';
import { canonicalJson, isJsonArray, type Json } from '../../kernel/canonical-json.ts';
import { type Delegation, readDelegation } from './delegation.ts';
import { verifiesEd25519 } from './ed25519.ts';
import { widening } from './narrows.ts';
import { Refusal } from './refusal.ts';

/** The longest chain of the profile. */
export const longestChain = 256;

/** Whom a verifier trusts, and where it knows keys from. */
export interface ChainPorts {
  /** The Ed25519 key of a verification method, 64 hexadecimal digits; null when it is not known. `at`: epoch milliseconds. */
  keyOf(controller: string, verificationMethod: string, at: number): string | null;
  /** Whether a chain may begin with this delegation. */
  isRoot(delegation: Delegation): boolean;
}

const seal = Symbol('verified chain');

/** Proof that each of a chain's delegations was signed, comes from a trusted root, and grants no more than its parent. */
export class VerifiedChain {
  /** Root first, never empty. */
  readonly delegations: readonly Delegation[];
  readonly root: Delegation;
  /** What the last subject holds. */
  readonly leaf: Delegation;

  constructor(
    key: typeof seal,
    ends: { readonly root: Delegation; readonly leaf: Delegation },
    all: readonly Delegation[],
  ) {
    if (key !== seal) throw new TypeError('A VerifiedChain is made by verifyChain() only.');
    this.delegations = all;
    this.root = ends.root;
    this.leaf = ends.leaf;
    Object.freeze(this);
  }
}

/** Verifies a chain, root first, in everything that does not change with time. */
export function verifyChain(records: Json, ports: ChainPorts): VerifiedChain | Refusal {
  if (!isJsonArray(records) || records.length === 0 || records.length > longestChain) {
    return new Refusal('SCHEMA_INVALID', `A chain has 1 to ${longestChain} delegations.`);
  }
  const chain: Delegation[] = [];
  for (const [index, record] of records.entries()) {
    const delegation = readDelegation(record);
    if (delegation instanceof Refusal) return delegation.at(index);
    chain.push(delegation);
  }
  const [root] = chain;
  const leaf = chain.at(-1);
  if (!root || !leaf) return new Refusal('SCHEMA_INVALID', 'A chain has a delegation.');
  return (
    signatureRefusal(chain, ports) ??
    rootRefusal(root, ports) ??
    linkRefusal(chain) ??
    new VerifiedChain(seal, { root, leaf }, Object.freeze(chain))
  );
}

export type Revocation = 'active' | 'revoked' | 'unknown';

/** Whether every delegation of a chain is in force at a time, in epoch milliseconds; null when it is. What is unknown is refused. */
export function chainRefusalNow(
  chain: VerifiedChain,
  now: number,
  revocation: (delegation: Delegation) => Revocation,
): Refusal | null {
  for (const [index, delegation] of chain.delegations.entries()) {
    const { notBefore, notAfter } = delegation.authority;
    if (now < notBefore) return new Refusal('NOT_YET_VALID', 'It is not valid yet.', index);
    if (now >= notAfter) return new Refusal('EXPIRED', 'It is over.', index);
    switch (revocation(delegation)) {
      case 'active':
        break;
      case 'revoked':
        return new Refusal('REVOKED', 'It was revoked.', index);
      default:
        return new Refusal('REVOCATION_UNKNOWN', 'Nobody says whether it was revoked.', index);
    }
  }
  return null;
}

function signatureRefusal(chain: readonly Delegation[], ports: ChainPorts): Refusal | null {
  const seen = new Set<string>();
  for (const [index, delegation] of chain.entries()) {
    const { id, issuer, signature, verificationMethod, issuedAt } = delegation;
    if (seen.has(id)) return new Refusal('CHAIN_DUPLICATE_ID', 'It is in the chain twice.', index);
    seen.add(id);
    const { delegation_id: _id, signature: _signature, ...body } = delegation.record;
    const named = `sha256:${toHex(sha256(`APS-AUTHORITY-DELEGATION-ID-V1\0${canonicalJson(body)}`))}`;
    if (named !== id) return new Refusal('ID_MISMATCH', 'Its id is not the hash of what it says.', index);
    const key = ports.keyOf(issuer, verificationMethod, issuedAt);
    if (key === null) {
      return new Refusal('KEY_RESOLUTION_FAILED', `No key is known for ${verificationMethod}.`, index);
    }
    const signed = `APS-AUTHORITY-DELEGATION-SIGNATURE-V1\0${canonicalJson({ ...body, delegation_id: id })}`;
    if (!verifiesEd25519(signed, signature, key)) {
      return new Refusal('SIGNATURE_INVALID', 'Its signature is not of this text by that key.', index);
    }
  }
  return null;
}

function rootRefusal(root: Delegation, ports: ChainPorts): Refusal | null {
  if (root.parent !== null) return new Refusal('PARENT_MISMATCH', 'The first of a chain has no parent.');
  return ports.isRoot(root) ? null : new Refusal('ROOT_UNTRUSTED', `${root.issuer} may begin no chain here.`);
}

function linkRefusal(chain: readonly Delegation[]): Refusal | null {
  for (const [place, child] of chain.slice(1).entries()) {
    const parent = chain[place];
    const refusal = parent ? stepRefusal(parent, child) : null;
    if (refusal) return refusal.at(place + 1);
  }
  return null;
}

function stepRefusal(parent: Delegation, child: Delegation): Refusal | null {
  if (child.parent !== parent.id) return new Refusal('PARENT_MISMATCH', 'It names another parent.');
  if (child.issuer !== parent.subject) {
    return new Refusal('CHAIN_CONTINUITY', 'It was not issued by the subject of its parent.');
  }
  const { notBefore, notAfter } = parent.authority;
  if (child.issuedAt < notBefore || child.issuedAt >= notAfter) {
    return new Refusal('ISSUED_AT_OUTSIDE_PARENT', 'It was issued when its parent was not valid.');
  }
  return widening(parent.authority, child.authority);
}
