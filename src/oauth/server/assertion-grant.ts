import { decodeProtectedHeader } from 'jose';
import { errors, type KoaContextWithOIDC, type Provider } from 'oidc-provider';
import { toBase64 } from '../../kernel/bytes.ts';
import { toFault } from '../../kernel/fault.ts';
import { type AssertedPerson, type AssertedWorkload, identityAssertionType } from './assertions.ts';
import type { AuthorizationServerOptions } from './authorization-server.ts';
import { givenBy } from './people-directory.ts';
import { HandedRequest } from './handed-request.ts';
import type { PresentedAgent } from './presented-agent.ts';
import type { TokenResource } from './resources.ts';

export const assertionGrant = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

type Options = Pick<AuthorizationServerOptions, 'issuer' | 'assertions' | 'resources' | 'people' | 'lives'>;

/**
 * JWTs of others as grants (RFC 7523): of the platform that knows a workload, and of the identity provider that knows a person (ID-JAG).
 * Whoever shows one is an agent of ours with its certificate, and what it gets is bound to that; there is no refresh token.
 */
export function registerAssertionGrant(provider: Provider, options: Options): void {
  provider.registerGrantType(assertionGrant, (ctx) => grant(ctx, provider, options), [
    'assertion',
    'resource',
    'scope',
  ]);
}

async function grant(ctx: KoaContextWithOIDC, provider: Provider, options: Options): Promise<void> {
  const { client, params } = ctx.oidc;
  const request = ctx.req;
  const assertion = params?.['assertion'];
  if (!client || !(request instanceof HandedRequest) || !request.agent || !request.certificate) {
    throw new errors.InvalidGrant('an assertion is shown over a connection with the certificate of an agent');
  }
  if (typeof assertion !== 'string') throw new errors.InvalidRequest('assertion is missing');
  const vouched = await prove(assertion, client.clientId, request, options);
  const resource = await resourceOf(params?.['resource'], vouched, options);
  const person = 'person' in vouched ? vouched.person : null;
  const wanted = scopesOf(params?.['scope'], vouched, resource, options);
  const scopes = person === null ? wanted : await givenBy(person, wanted, options.people);
  if (wanted.length > 0 && scopes.length === 0)
    throw new errors.InvalidGrant('no group gives any of the scopes');
  // Nothing is refused after that: an assertion that is used up has given its token.
  await usedUp(vouched);
  const token =
    person === null
      ? new provider.ClientCredentials({ client, scope: scopes.join(' ') })
      : new provider.AccessToken({ accountId: person, client, gty: assertionGrant } as never);
  token.scope = scopes.join(' ');
  token.setThumbprint('x5t', toBase64(request.certificate));
  token.resourceServer = new provider.ResourceServer(resource.uri, {
    scope: resource.scopes.join(' '),
    audience: resource.uri,
    accessTokenTTL: options.lives.access,
    accessTokenFormat: 'jwt',
    jwt: { sign: { alg: 'ES256' } },
  } as never);
  request.claims = {
    ...(person !== null && { act: { sub: request.agent.caller.spiffeId } }),
    ...vouched.claims,
  };
  ctx.oidc.entity(person === null ? 'ClientCredentials' : 'AccessToken', token);
  ctx.body = {
    access_token: await token.save(),
    token_type: 'Bearer',
    expires_in: options.lives.access,
    scope: token.scope,
  };
}

type Vouched = AssertedWorkload | AssertedPerson;

/** The assertion, read by its kind, so that none is taken for the other (RFC 8725 §3.11). */
async function prove(
  assertion: string,
  client: string,
  { agent, address }: { readonly agent: PresentedAgent | null; readonly address: string },
  { issuer, assertions }: Options,
): Promise<Vouched> {
  return await asOauth(async () => {
    if (typeOf(assertion) === identityAssertionType)
      return await assertions.person(assertion, { issuer, client });
    const workload = await assertions.workload(assertion, address);
    if (workload.agent === agent?.caller.spiffeId) return workload;
    throw new errors.InvalidGrant('the assertion is of another agent than the certificate');
  });
}

async function usedUp(vouched: Vouched): Promise<void> {
  await asOauth(() => vouched.useUp());
}

/** RFC 7523 §3.1: an assertion that does not hold is `invalid_grant`; why, the log says. */
async function asOauth<Result>(act: () => Promise<Result>): Promise<Result> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof errors.OIDCProviderError) throw error;
    const { code, message } = toFault(error);
    if (code === 'login_refused' || code === 'workload_refused') throw new errors.InvalidGrant(message);
    throw error;
  }
}

function typeOf(assertion: string): string | undefined {
  try {
    return decodeProtectedHeader(assertion)
      .typ?.toLowerCase()
      .replace(/^application\//, '');
  } catch {
    throw new errors.InvalidGrant('the assertion is no JWT');
  }
}

async function resourceOf(asked: unknown, { resource }: Vouched, options: Options): Promise<TokenResource> {
  const named = typeof asked === 'string' ? asked : resource;
  if (named === null || (resource !== null && named !== resource)) {
    throw new errors.InvalidTarget(
      'say with resource which server the token is for; it has to be the one of the assertion',
    );
  }
  const found = await options.resources.find(named);
  if (!found) throw new errors.InvalidTarget('there is no server of this URI here');
  return found;
}

/** What is asked for, as far as the assertion lets it; a workload has the scopes of an agent by itself. */
function scopesOf(
  asked: unknown,
  vouched: Vouched,
  resource: TokenResource,
  { resources }: Options,
): readonly string[] {
  const allowed = 'person' in vouched ? resource.scopes : resource.agentScopes;
  const wanted = typeof asked === 'string' ? asked.split(' ') : (vouched.scopes ?? resources.defaultScopes);
  return wanted.filter(
    (scope) => allowed.includes(scope) && (vouched.scopes === null || vouched.scopes.includes(scope)),
  );
}
