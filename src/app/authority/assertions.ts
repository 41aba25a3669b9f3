import { decodeProtectedHeader } from 'jose';
import { checkMembership } from '../../enrol/person/verify-login.ts';
import { readClaims, readPerson, refused } from '../../enrol/person/read-person.ts';
import { readToken } from '../../enrol/workload/read-token.ts';
import { verifyToken } from '../../enrol/workload/verify-token.ts';
import { proveWorkload, type WorkloadDoor } from '../../enrol/workload/workload-door.ts';
import { sha256Base64url } from '../../kernel/bytes.ts';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { AssertedPerson, Assertions } from '../../oauth/server/assertions.ts';
import { leafUri } from '../../x509/leaf-profile.ts';
import type { ConfiguredProvider } from '../config/people-file.ts';
import type { Store } from '../store/store.ts';
import type { TokenIssuersFile } from './token-issuers-file.ts';

/** How long an identity assertion may live: it is shown as soon as it is had. */
const longestLife = 10 * 60_000;

interface Parts {
  readonly trustDomain: string;
  readonly workloads: WorkloadDoor;
  readonly providers: Pick<TokenIssuersFile<ConfiguredProvider>, 'list' | 'keysOf'>;
  readonly store: Pick<Store, 'people' | 'usedTokens'>;
  readonly clock: Clock;
}

/** The JWTs of others as grants: those of the issuers in `workloads.yaml`, and of the providers in `people.yaml` that may vouch. */
export function openAssertions(parts: Parts): Assertions {
  return {
    async workload(assertion, address) {
      const { evidence, useUp } = await proveWorkload(assertion, parts.workloads, address);
      const { name, kind } = evidence;
      if (kind !== 'agent' && kind !== 'ephemeral') throw refused('it is of no agent');
      return {
        agent: leafUri(parts.trustDomain, 'agent', name),
        resource: null,
        scopes: null,
        claims: {},
        useUp,
      };
    },
    person: (assertion, expected) => provePerson(assertion, expected, parts),
  };
}

/** draft-ietf-oauth-identity-assertion-authz-grant §4.4.1. */
async function provePerson(
  assertion: string,
  expected: { readonly issuer: string; readonly client: string },
  { providers, store, clock }: Parts,
): Promise<AssertedPerson> {
  const token = readToken(assertion);
  const { claims } = token;
  const provider = (await providers.list()).find(({ issuer }) => issuer === claims['iss']);
  if (!provider?.vouches) throw refused('its issuer may not vouch for people here');
  const { kid = null } = decodeProtectedHeader(assertion);
  const keys = await providers.keysOf(provider, kid);
  const rules = { known: { issuer: provider.issuer }, audience: expected.issuer, longestLife };
  const { endsAt } = await verifyToken(token, rules, keys, clock.now());
  // RFC 7523bis §3: for this issuer and nobody else, who could show it here.
  if (claims['aud'] !== expected.issuer) throw refused('it is for others as well');
  if (claims['client_id'] !== expected.client) throw refused('it is for another client');
  const person = readPerson(claims, provider);
  checkMembership({ claims: readClaims(claims, provider) }, provider);
  await checkStanding(person, claims, store);
  const { jti, resource, scope } = claims;
  if (typeof jti !== 'string' || jti === '') throw refused('it has no jti');
  return {
    person,
    resource: typeof resource === 'string' ? resource : null,
    scopes: typeof scope === 'string' ? scope.split(' ') : null,
    claims: Object.fromEntries(
      ['auth_time', 'acr', 'amr'].flatMap((name) =>
        claims[name] === undefined ? [] : [[name, claims[name]]],
      ),
    ),
    async useUp() {
      const hash = sha256Base64url(JSON.stringify(['id-jag', provider.issuer, jti]));
      if (await store.usedTokens.take(hash, endsAt, clock.now())) return;
      throw refused('it was used before');
    },
  };
}

/** Whoever was disabled or revoked here is not let in by an assertion of before. */
async function checkStanding(
  person: string,
  { iat }: JsonObject,
  store: Pick<Store, 'people'>,
): Promise<void> {
  const known = await store.people.find(person);
  if (known?.state === 'disabled') throw refused(`${person} is disabled here`);
  const issuedAt = typeof iat === 'number' ? iat * 1_000 : 0;
  if (known && known.revokedAt !== null && issuedAt <= known.revokedAt) {
    throw refused(`${person} was revoked after it was issued`);
  }
}
