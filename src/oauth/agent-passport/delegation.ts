import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import { hasExactly, instantOf, isAscending, isHex, isIdentifier, quantityOf } from './canonical-values.ts';
import { Refusal } from './refusal.ts';
import { isCanonicalList, mostGrants } from './scope-grants.ts';

/** How much of what it does an agent may leave beyond taking back, least first (`aps-tci-v1`). */
export const reversibilities = ['tentative', 'compensable', 'irreversible'] as const;
export type Reversibility = (typeof reversibilities)[number];

/** What may be spent: `perAction` and `cumulative` in units that are compared as they are written. */
export interface SpendLimit {
  readonly unit: string;
  readonly perAction: bigint;
  readonly cumulative: bigint;
}

/** The seven facets of an authority; each may only shrink from a delegation to the next. Times are epoch milliseconds. */
export interface Authority {
  readonly grants: readonly string[];
  /** null where spending has no bound. */
  readonly spend: SpendLimit | null;
  /** How many further delegations there may be. */
  readonly depth: number;
  readonly notBefore: number;
  readonly notAfter: number;
  /** 0 to 100. */
  readonly reputation: number;
  readonly values: readonly string[];
  readonly reversibility: Reversibility;
}

/** A delegation as it was read: well formed, and nothing more is proved of it. */
export interface Delegation {
  /** `sha256:` and 64 hexadecimal digits. */
  readonly id: string;
  readonly parent: string | null;
  readonly issuer: string;
  readonly subject: string;
  readonly verificationMethod: string;
  readonly issuedAt: number;
  readonly signature: string;
  readonly authority: Authority;
  /** The record whole, which the id and the signature are over. */
  readonly record: JsonObject;
}

const members = [
  'record_type',
  'version',
  'delegation_id',
  'parent_delegation_id',
  'issuer',
  'subject',
  'verification_method',
  'issued_at',
  'nonce',
  'authority',
  'signature',
];
const facets = ['scope', 'spend', 'depth', 'time', 'reputation', 'values', 'reversibility'];
const longestName = 1_024;

/** Reads a record of `aps:authority-delegation:v1` version 1.0: closed, and every value in its one written form. */
export function readDelegation(value: Json): Delegation | Refusal {
  if (!isJsonObject(value) || !hasExactly(value, members)) {
    return new Refusal('SCHEMA_INVALID', `A delegation has exactly the members ${members.join(', ')}.`);
  }
  if (value['record_type'] !== 'aps:authority-delegation:v1' || value['version'] !== '1.0') {
    return new Refusal('UNSUPPORTED_VERSION', 'Only aps:authority-delegation:v1, version 1.0, is known.');
  }
  const { delegation_id: id, parent_delegation_id: parent, signature, nonce } = value;
  if (!isDelegationId(id) || !(parent === null || isDelegationId(parent))) {
    return new Refusal(
      'SCHEMA_INVALID',
      'Ids of delegations are sha256: and 64 lower-case hexadecimal digits.',
    );
  }
  const { issuer, subject, verification_method: verificationMethod } = value;
  if (!isName(issuer) || !isName(subject) || !isName(verificationMethod)) {
    return new Refusal(
      'SCHEMA_INVALID',
      'issuer, subject and verification_method are texts of up to 1,024 octets.',
    );
  }
  const issuedAt = instantOf(value['issued_at']);
  if (issuedAt === null || !isHex(nonce, 32)) {
    return new Refusal(
      'NONCANONICAL_VALUE',
      'issued_at is UTC with milliseconds, nonce 32 hexadecimal digits.',
    );
  }
  if (!isHex(signature, 128)) {
    return new Refusal('SCHEMA_INVALID', 'signature is 128 lower-case hexadecimal digits.');
  }
  const authority = readAuthority(value['authority'] ?? null, issuedAt);
  if (authority instanceof Refusal) return authority;
  return { id, parent, issuer, subject, verificationMethod, issuedAt, signature, authority, record: value };
}

export function isDelegationId(value: Json | undefined): value is string {
  return typeof value === 'string' && /^sha256:[0-9a-f]{64}$/.test(value);
}

function isName(value: Json | undefined): value is string {
  return (
    typeof value === 'string' &&
    value.length > 0 &&
    value.isWellFormed() &&
    Buffer.byteLength(value) <= longestName
  );
}

function readAuthority(value: Json, issuedAt: number): Authority | Refusal {
  if (!isJsonObject(value) || !hasExactly(value, facets)) {
    return new Refusal('SCHEMA_INVALID', `An authority has exactly the facets ${facets.join(', ')}.`);
  }
  const grants = readGrants(value['scope'] ?? null);
  if (grants instanceof Refusal) return grants;
  const spend = readSpend(value['spend'] ?? null);
  if (spend instanceof Refusal) return spend;
  const depth = readDepth(value['depth'] ?? null);
  if (depth instanceof Refusal) return depth;
  const time = readTime(value['time'] ?? null, issuedAt);
  if (time instanceof Refusal) return time;
  const reputation = readReputation(value['reputation'] ?? null);
  if (reputation instanceof Refusal) return reputation;
  const values = readValues(value['values'] ?? null);
  if (values instanceof Refusal) return values;
  const reversibility = readReversibility(value['reversibility'] ?? null);
  if (reversibility instanceof Refusal) return reversibility;
  return { grants, spend, depth, ...time, reputation, values, reversibility };
}

/** What a facet with a profile says, when it has just those two members and `take` takes it: first of all that, then the profile. */
function profiled<Said>(
  value: Json,
  { member, profile, kind }: { readonly member: string; readonly profile: string; readonly kind: string },
  take: (said: Json) => Said | null,
): Said | Refusal {
  const whole = isJsonObject(value) && hasExactly(value, ['profile', member]) ? value : null;
  const said = whole && isIdentifier(whole['profile']) ? take(whole[member] ?? null) : null;
  if (!whole || said === null)
    return new Refusal('SCHEMA_INVALID', `A facet has a profile and ${member}, ${kind}.`);
  if (whole['profile'] === profile) return said;
  return new Refusal('UNSUPPORTED_PROFILE', `Of the profiles with ${member} only ${profile} is known.`);
}

function readGrants(value: Json): readonly string[] | Refusal {
  const facet = { member: 'grants', profile: 'aps-hierarchical-v1', kind: 'a list of texts' };
  const grants = profiled(value, facet, textsOf);
  if (grants instanceof Refusal) return grants;
  if (grants.length <= mostGrants && isCanonicalList(grants)) return grants;
  return new Refusal('NONCANONICAL_VALUE', 'scope.grants are sorted, and none is covered by another.');
}

function readSpend(value: Json): SpendLimit | null | Refusal {
  if (!isJsonObject(value)) return new Refusal('SCHEMA_INVALID', 'spend is an object.');
  if (value['mode'] === 'unbounded' && hasExactly(value, ['mode'])) return null;
  if (value['mode'] !== 'bounded') {
    return new Refusal('SCHEMA_INVALID', 'spend is {"mode":"unbounded"} or bounded.');
  }
  const { unit } = value;
  const perAction = quantityOf(value['per_action']);
  const cumulative = quantityOf(value['cumulative']);
  const whole = hasExactly(value, ['mode', 'unit', 'per_action', 'cumulative']);
  if (!whole || !isIdentifier(unit) || perAction === null || cumulative === null) {
    return new Refusal(
      'NONCANONICAL_VALUE',
      'A bounded spend has unit, per_action and cumulative, whole numbers as text.',
    );
  }
  if (perAction > cumulative)
    return new Refusal('SCHEMA_INVALID', 'spend.per_action is above spend.cumulative.');
  return { unit, perAction, cumulative };
}

function readDepth(value: Json): number | Refusal {
  const remaining = isJsonObject(value) && hasExactly(value, ['remaining']) ? value['remaining'] : null;
  if (isWholeWithin(remaining, 255)) return remaining;
  return new Refusal('SCHEMA_INVALID', 'depth.remaining is a whole number from 0 to 255.');
}

function readTime(value: Json, issuedAt: number): Pick<Authority, 'notBefore' | 'notAfter'> | Refusal {
  const facet = isJsonObject(value) && hasExactly(value, ['not_before', 'not_after']) ? value : {};
  const notBefore = instantOf(facet['not_before']);
  const notAfter = instantOf(facet['not_after']);
  if (notBefore === null || notAfter === null) {
    return new Refusal('NONCANONICAL_VALUE', 'time has not_before and not_after, UTC with milliseconds.');
  }
  if (notBefore >= notAfter || notBefore < issuedAt) {
    return new Refusal('SCHEMA_INVALID', 'time is empty, or begins before the delegation was issued.');
  }
  return { notBefore, notAfter };
}

function readReputation(value: Json): number | Refusal {
  const facet = { member: 'ceiling', profile: 'aps-score-0-100-v1', kind: 'a whole number from 0 to 100' };
  return profiled(value, facet, (said) => (isWholeWithin(said, 100) ? said : null));
}

function readValues(value: Json): readonly string[] | Refusal {
  const facet = { member: 'required', profile: 'aps-values-identifiers-v1', kind: 'a list of identifiers' };
  const required = profiled(value, facet, (said) => {
    const texts = textsOf(said);
    return texts?.every(isIdentifier) ? texts : null;
  });
  if (required instanceof Refusal || isAscending(required)) return required;
  return new Refusal('NONCANONICAL_VALUE', 'values.required is sorted, each once.');
}

function readReversibility(value: Json): Reversibility | Refusal {
  const facet = { member: 'ceiling', profile: 'aps-tci-v1', kind: `one of ${reversibilities.join(', ')}` };
  return profiled(value, facet, (said) => reversibilities.find((name) => name === said) ?? null);
}

function isWholeWithin(value: Json | undefined, greatest: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= greatest;
}

function textsOf(value: Json | undefined): readonly string[] | null {
  return isJsonArray(value) && value.every((one) => typeof one === 'string') ? value : null;
}
