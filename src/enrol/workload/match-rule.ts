import type { JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { valuesAt } from '../../kernel/json-pointer.ts';
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
    const more = partsOf(claims, rule);
    if (!values || !more || !hasClaims(claims, rule)) continue;
    return {
      name: rule.name.from({ ...values, ...more }),
      kind: rule.kind,
      dnsNames: rule.dnsNames.map((template) => template.from(values)),
    };
  }
  throw new Fault(
    'workload_refused',
    `No rule of the issuer ${issuer.name} is for the subject ${JSON.stringify(subject.slice(0, 200))} with these claims.`,
  );
}

/** What stands for the names in the patterns of claims, or null when a claim is another, is missing, or is several. */
function partsOf(claims: JsonObject, rule: WorkloadRule): Readonly<Record<string, string>> | null {
  const parts: Record<string, string>[] = [];
  for (const [pointer, pattern] of rule.patterns) {
    const [value, ...others] = valuesAt(claims, pointer);
    const found = typeof value === 'string' && others.length === 0 ? pattern.match(value) : null;
    if (!found) return null;
    parts.push(found);
  }
  return Object.assign({}, ...parts) as Record<string, string>;
}

function hasClaims(claims: JsonObject, rule: WorkloadRule): boolean {
  for (const [pointer, wanted] of rule.claims) {
    if (!valuesAt(claims, pointer).some((each) => wanted.includes(each as ClaimValue))) return false;
  }
  return true;
}
