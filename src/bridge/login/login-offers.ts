import { createClient } from '../../http/fetch.ts';
import { isJsonArray, isJsonObject, type Json } from '../../kernel/canonical-json.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import { askAnyAuthority } from '../authorities.ts';
import { explainFailure, explainStatus } from '../explain-failure.ts';
import { requireAuthority } from '../require-peer.ts';

/** A provider at which the authority lets people log in. */
export interface LoginOffer {
  readonly name: string;
  readonly issuer: string;
  readonly client: string;
  readonly scopes: readonly string[];
  /** How long ago somebody may have authenticated, in seconds; null for any time. */
  readonly maxAge: number | null;
  /** The only authorities that vouch for the provider's server, in PEM; null for those of the system. */
  readonly authorities: string | null;
}

const limits = { totalMilliseconds: 30_000, bodyBytes: 1024 * 1024 };

/**
 * Asks the authority where people log in; what is wanted by name, or the only one there is. Throws Fault `not_found`, `usage`,
 * `gateway_untrusted`, `unavailable`, …
 */
export async function loginOffer(question: {
  readonly authority: string;
  /** What the authority's own certificate must chain to. */
  readonly roots: string;
  readonly provider: string | null;
  readonly clock: Clock;
}): Promise<LoginOffer> {
  const { authority, roots, provider, clock } = question;
  const offers = readOffers(await askAnyAuthority(authority, (one) => ask(one, roots, clock)));
  const names = offers.map(({ name }) => name).join(', ');
  if (offers.length === 0) {
    throw new Fault('not_found', 'The authority lets nobody log in: it has no people.yaml with a provider.');
  }
  if (provider !== null) {
    const found = offers.find(({ name }) => name === provider);
    if (found) return found;
    throw new Fault('not_found', `The authority knows no provider ${provider}, but ${names}.`);
  }
  const [only, ...more] = offers;
  if (only && more.length === 0) return only;
  throw new Fault('usage', `Say with --provider where to log in: ${names}.`);
}

async function ask(authority: string, roots: string, clock: Clock): Promise<Json> {
  await using client = createClient({
    tls: { authorities: roots, inspect: requireAuthority(null) },
    addressGuard: 'any',
    limits,
  });
  const place = `the authority ${new URL(authority).origin}`;
  const url = new URL('/v1/enrol/person', authority).href;
  const answer = await client.request({ method: 'GET', url }).catch((error: unknown) => {
    throw explainFailure(error, { place, leaf: null, now: clock.now() });
  });
  if (answer.status !== 200) throw explainStatus(answer.status, answer.body, place);
  return answer.json();
}

function readOffers(answer: Json): readonly LoginOffer[] {
  const providers = isJsonObject(answer) ? answer['providers'] : null;
  if (!isJsonArray(providers)) throw strange();
  return providers.map(readOffer);
}

function readOffer(value: Json): LoginOffer {
  const { name, issuer, client, scopes, maxAge, authorities } = isJsonObject(value) ? value : {};
  if (typeof name !== 'string' || typeof issuer !== 'string' || typeof client !== 'string') throw strange();
  if (!isJsonArray(scopes ?? null) || !URL.canParse(issuer)) throw strange();
  return {
    name,
    issuer,
    client,
    scopes: (isJsonArray(scopes ?? null) ? (scopes as readonly Json[]) : []).filter(
      (scope) => typeof scope === 'string',
    ),
    maxAge: typeof maxAge === 'number' ? maxAge : null,
    authorities: typeof authorities === 'string' ? authorities : null,
  };
}

function strange(): Fault {
  return new Fault('unavailable', 'The authority does not say where to log in. Check --authority.');
}
