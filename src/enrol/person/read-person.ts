import type { JsonObject } from '../../kernel/canonical-json.ts';
import { isJsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { valuesAt } from '../../kernel/json-pointer.ts';
import type { ClaimValue } from '../workload/workload-issuer.ts';
import type { PersonClaims } from './derive-roles.ts';
import type { PersonProvider } from './person-provider.ts';

const mostValues = 1_000;
const longestValue = 256;

/** Who the claims of an ID token say somebody is, as owners are written. Throws Fault `login_refused`. */
export function readPerson(claims: JsonObject, provider: PersonProvider): string {
  const { person: claim, domains } = provider;
  const value = Object.hasOwn(claims, claim) ? claims[claim] : undefined;
  if (typeof value !== 'string' || !/^[\x21-\x7e]{1,200}$/.test(value)) {
    throw refused(`its ${claim} is not 1 to 200 visible ASCII characters`);
  }
  // Providers write addresses and user names as somebody typed them, and mean the same person.
  const person = claim === 'sub' ? value : value.toLowerCase();
  // OpenID Connect Core 1.0 §5.1: without it anybody may have typed the address.
  if (claim === 'email' && claims['email_verified'] !== true) {
    throw refused('the provider has not verified the e-mail address (email_verified)');
  }
  const [, domain] = /@([^@]+)$/.exec(person) ?? [];
  if (domains.length > 0 && (domain === undefined || !domains.includes(domain))) {
    throw refused(`people of ${domain ?? 'no domain'} do not log in here`);
  }
  return person;
}

/** What the rules of a provider may look at, and no more of the claims. Throws Fault `login_refused`. */
export function readClaims(claims: JsonObject, provider: PersonProvider): PersonClaims {
  const { groups, rules, scopeRules } = provider;
  // OpenID Connect Core 1.0 §5.6.2: the groups are elsewhere, and whoever has none could be in all of them.
  const elsewhere = claims['_claim_names'];
  const first = groups.split('/')[1] ?? '';
  if (isJsonObject(elsewhere) && Object.hasOwn(elsewhere, first)) {
    throw refused(
      'the provider left out the groups because there are too many; let it send those that count',
    );
  }
  const pointers = new Set([groups, ...[...rules, ...scopeRules].flatMap((rule) => [...rule.claims.keys()])]);
  return Object.fromEntries([...pointers].map((pointer) => [pointer, scalars(claims, pointer)]));
}

function scalars(claims: JsonObject, pointer: string): readonly ClaimValue[] {
  const values = valuesAt(claims, pointer).filter((value) => value !== null && typeof value !== 'object');
  if (values.length > mostValues || values.some((value) => String(value).length > longestValue)) {
    throw refused(`${pointer} has more than ${mostValues} values, or one longer than ${longestValue}`);
  }
  return values;
}

/** A login that is not accepted, said in one way. */
export function refused(why: string): Fault {
  return new Fault('login_refused', `The login is not accepted: ${why}.`);
}
