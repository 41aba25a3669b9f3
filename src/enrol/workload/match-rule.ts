import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import type { ClaimValue, WorkloadIssuer, WorkloadRule } from './workload-issuer.ts';

/** Whom the rules of an issuer take a token for. */
export interface WorkloadIdentity {
  readonly name: string;
  readonly kind: WorkloadRule['kind'];
  readonly dnsNames: readonly string[];
}

/** The first rule that matches decides. Throws Fault `workload_refused` when none does. */
export function matchRule(issuer: WorkloadIssuer, subject: string, claims: JsonObject): WorkloadIdentity {
  for (const rule of issuer.rules) {
    const values = rule.subject.match(subject);
    if (!values || !hasClaims(claims, rule)) continue;
    return {
      name: rule.name.from(values),
      kind: rule.kind,
      dnsNames: rule.dnsNames.map((template) => template.from(values)),
    };
  }
  throw new Fault(
    'workload_refused',
    `No rule of the issuer ${issuer.name} is for the subject ${JSON.stringify(subject.slice(0, 200))} with these claims.`,
  );
}

function hasClaims(claims: JsonObject, rule: WorkloadRule): boolean {
  for (const [pointer, wanted] of rule.claims) {
    if (!valuesAt(claims, pointer).some((each) => wanted.includes(each as ClaimValue))) return false;
  }
  return true;
}

/** The value that a JSON Pointer leads to, or all of a list; nothing when it leads nowhere. */
export function valuesAt(claims: JsonObject, pointer: string): readonly Json[] {
  const value = at(claims, pointer);
  if (value === undefined) return [];
  return isJsonArray(value) ? value : [value];
}

/** What a JSON Pointer leads to (RFC 6901 §4), through objects only. */
function at(value: Json, pointer: string): Json | undefined {
  let here: Json | undefined = value;
  for (const token of pointer.split('/').slice(1)) {
    const name = token.replaceAll('~1', '/').replaceAll('~0', '~');
    if (!isJsonObject(here) || !Object.hasOwn(here, name)) return undefined;
    here = here[name];
  }
  return here;
}
