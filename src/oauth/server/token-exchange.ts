import { errors, type KoaContextWithOIDC, type Provider } from 'oidc-provider';
import { toBase64 } from '../../kernel/bytes.ts';
import type { AuthorizationServerOptions } from './authorization-server.ts';
import { HandedRequest } from './handed-request.ts';
import { givenBy } from './people-directory.ts';
import { isEnded, readOwnToken, type TokenClaims } from './own-tokens.ts';

export const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange';
const accessToken = 'urn:ietf:params:oauth:token-type:access_token';

/** How many agents may stand behind one another in a token. */
const longestChain = 4;

/** Who acts, and for whom they were acting (RFC 8693 §4.1). */
export interface Actor {
  readonly sub: string;
  readonly act?: Actor;
}

type Options = Pick<
  AuthorizationServerOptions,
  'issuer' | 'keys' | 'records' | 'resources' | 'people' | 'clock'
>;

/**
 * Token exchange (RFC 8693). An agent exchanges a token that it holds for a smaller one; or, with `requested_actor`, for one that
 * names another agent (`may_act`) and is good for nothing but that agent's own exchange, here, with its own certificate. What
 * comes out is of the same grant and for the same server, with no scope more, and ends no later.
 */
export function registerTokenExchange(provider: Provider, options: Options): void {
  const parameters = [
    'subject_token',
    'subject_token_type',
    'actor_token',
    'actor_token_type',
    'requested_token_type',
    'requested_actor',
    'resource',
    'scope',
  ];
  provider.registerGrantType(exchangeGrant, (ctx) => exchange(ctx, provider, options), parameters);
}

async function exchange(ctx: KoaContextWithOIDC, provider: Provider, options: Options): Promise<void> {
  const client = ctx.oidc.client;
  const request = ctx.req;
  if (!client || !(request instanceof HandedRequest) || !request.agent || !request.certificate) {
    throw new errors.InvalidGrant('a token is exchanged over a connection with the certificate of an agent');
  }
  const holder = request.agent.caller.spiffeId;
  const subject = await subjectOf(ctx, holder, options);
  await checkActorToken(ctx, holder, options);
  const delegate = textOf(ctx, 'requested_actor');
  const resource = await resourceOf(ctx, subject, options);
  const granted = await scopesNow(subject, options);
  const asked = textOf(ctx, 'scope')?.split(' ') ?? granted;
  const beyond = asked.filter((scope) => !granted.includes(scope));
  if (beyond.length > 0)
    throw new errors.InvalidScope('the subject token does not have it', beyond.join(' '));
  const token = new provider.AccessToken({
    accountId: subject.sub,
    client,
    grantId: subject.gid,
    gty: exchangeGrant,
    rar: subject['authorization_details'] as never,
  });
  token.scope = asked.join(' ');
  // RFC 8693 §2.2.1: what comes out lives no longer than what went in.
  token.exp = subject.exp;
  token.setThumbprint('x5t', toBase64(request.certificate));
  const audience = delegate === null ? resource : options.issuer;
  token.resourceServer = new provider.ResourceServer(audience, {
    scope: granted.join(' '),
    audience,
    accessTokenFormat: 'jwt',
    jwt: { sign: { alg: 'ES256' } },
  } as never);
  request.claims = {
    ...actorClaim(subject, holder),
    ...(delegate !== null && { may_act: { sub: delegate }, resource }),
    ...copied(subject),
  };
  ctx.oidc.entity('AccessToken', token);
  const value = await token.save();
  ctx.body = {
    access_token: value,
    issued_token_type: accessToken,
    token_type: 'Bearer',
    expires_in: Math.max(0, subject.exp - Math.floor(options.clock.now() / 1_000)),
    scope: token.scope,
  };
}

/** The scopes of a token, as far as its person may still give them. */
async function scopesNow(subject: TokenClaims, { people }: Options): Promise<readonly string[]> {
  const all = subject.scope?.split(' ') ?? [];
  if (subject.sub === subject.client_id) return all;
  const scopes = await givenBy(subject.sub, all, people);
  if (all.length > 0 && scopes.length === 0)
    throw new errors.InvalidGrant('no group gives any of the scopes');
  return scopes;
}

/** The claims of the subject token. Throws `invalid_grant` unless it is a live one of ours that this agent may exchange. */
async function subjectOf(ctx: KoaContextWithOIDC, holder: string, options: Options): Promise<TokenClaims> {
  const claims = await tokenOf(ctx, 'subject_token', options);
  if (!claims) throw new errors.InvalidRequest('subject_token is missing');
  const mayAct = claims['may_act'] as Actor | undefined;
  // RFC 8693 §4.4: it names who may act; else it is for its holder alone.
  if ((mayAct?.sub ?? holderOf(claims)) !== holder) {
    throw new errors.InvalidGrant('the subject token is not for this agent to exchange');
  }
  return claims;
}

/** RFC 8693 §2.1: whoever acts has proved it with the certificate; a token that says somebody else is a contradiction. */
async function checkActorToken(ctx: KoaContextWithOIDC, holder: string, options: Options): Promise<void> {
  const actor = await tokenOf(ctx, 'actor_token', options);
  if (actor && holderOf(actor) !== holder)
    throw new errors.InvalidGrant('the actor token is of another agent');
}

async function tokenOf(
  ctx: KoaContextWithOIDC,
  name: 'subject_token' | 'actor_token',
  options: Options,
): Promise<TokenClaims | null> {
  const text = textOf(ctx, name);
  if (text === null) return null;
  if (textOf(ctx, `${name}_type`) !== accessToken) {
    throw new errors.InvalidRequest(`${name}_type must be ${accessToken}`);
  }
  const requested = textOf(ctx, 'requested_token_type') ?? accessToken;
  if (requested !== accessToken) throw new errors.InvalidRequest('only access tokens are given');
  const claims = await readOwnToken(text, options);
  if (!claims || (await isEnded(claims, options))) {
    throw new errors.InvalidGrant(`${name} is not a live access token of this issuer`);
  }
  return claims;
}

function holderOf({ act, client_id }: TokenClaims): string {
  return act?.sub ?? client_id;
}

/** The server that the subject token is for, and no other: each has its own scopes and its own trust. */
async function resourceOf(ctx: KoaContextWithOIDC, subject: TokenClaims, options: Options): Promise<string> {
  const own = typeof subject['resource'] === 'string' ? subject['resource'] : subject.aud;
  const asked = textOf(ctx, 'resource') ?? own;
  if (asked !== own || !(await options.resources.find(own))) {
    throw new errors.InvalidTarget('the subject token is for another server');
  }
  return own;
}

/** RFC 8693 §4.1: the agent that acts now is on the outside, those before it within. */
function actorClaim(subject: TokenClaims, holder: string): object {
  const before: Actor | undefined = subject.act;
  if (before?.sub === holder || (before === undefined && subject.sub === holder)) {
    return before === undefined ? {} : { act: before };
  }
  const actor: Actor = { sub: holder, ...(before && { act: before }) };
  if (lengthOf(actor) > longestChain) {
    throw new errors.InvalidGrant(`more than ${longestChain} agents would stand behind one another`);
  }
  return { act: actor };
}

function lengthOf({ act }: Actor): number {
  return 1 + (act ? lengthOf(act) : 0);
}

/** How the person proved who they are stays true of what comes out. */
function copied(subject: TokenClaims): object {
  const names = ['auth_time', 'acr', 'amr'].filter((name) => subject[name] !== undefined);
  return Object.fromEntries(names.map((name) => [name, subject[name]]));
}

function textOf(ctx: KoaContextWithOIDC, name: string): string | null {
  const value = ctx.oidc.params?.[name];
  return typeof value === 'string' && value !== '' ? value : null;
}
