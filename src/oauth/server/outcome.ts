import type { ClientMetadata, KoaContextWithOIDC } from 'oidc-provider';
import type { AuthorizationServerOptions } from './authorization-server.ts';
import { HandedRequest } from './handed-request.ts';
import type { IssuedToken } from './oauth-records.ts';
import type { TokenClaims } from './own-tokens.ts';
import type { NewClient } from './token-record.ts';
import { routes } from './token-routes.ts';

type Parts = Pick<AuthorizationServerOptions, 'record'>;

/** The endpoints whose refusals are recorded. */
const recorded: ReadonlySet<string> = new Set([
  routes.token,
  routes.pushed_authorization_request,
  routes.device_authorization,
  routes.introspection,
  routes.revocation,
  routes.registration,
]);

/** Writes down what a request came to, before its answer goes out: a token that is not on record is not given. */
export async function recordOutcome(ctx: KoaContextWithOIDC, { record }: Parts): Promise<void> {
  const { req } = ctx;
  if (!(req instanceof HandedRequest) || !recorded.has(ctx.path)) return;
  const serial = req.agent?.caller.serial ?? null;
  if (ctx.status < 400) {
    if (ctx.path === routes.registration) return await record.registered(newClient(ctx, req));
    const token = issuedToken(ctx);
    if (token) await record.issued(token, serial);
    return;
  }
  const { error, error_description: reason } = ctx.body as { error?: string; error_description?: string };
  const client = ctx.oidc?.params?.['client_id'] ?? ctx.oidc?.client?.clientId;
  await record.refused({
    endpoint: ctx.path,
    error: error ?? String(ctx.status),
    reason: req.refusal ?? reason ?? '',
    client: typeof client === 'string' ? client.slice(0, 500) : null,
    serial,
    address: req.address,
  });
}

function newClient(ctx: KoaContextWithOIDC, { address }: HandedRequest): NewClient {
  const { client_id: client, client_name, redirect_uris: redirects } = ctx.body as ClientMetadata;
  return { client, name: client_name ?? null, redirects: redirects ?? [], address };
}

/** What the access token in the answer says of itself, or null when there is none. */
function issuedToken(ctx: KoaContextWithOIDC): IssuedToken | null {
  const { access_token: text } = ctx.body as { access_token?: unknown };
  if (typeof text !== 'string') return null;
  const claims = JSON.parse(Buffer.from(text.split('.')[1] ?? '', 'base64url').toString()) as TokenClaims;
  const agent = (ctx.req as HandedRequest).agent?.caller.spiffeId ?? null;
  return {
    id: claims.jti,
    grantId: claims.gid,
    client: claims.client_id,
    agent,
    person: claims.sub === claims.client_id ? null : claims.sub,
    resource: claims.aud,
    scopes: claims.scope?.split(' ') ?? [],
    binding: bindingOf(claims),
    grantType: String(ctx.oidc.params?.['grant_type']),
    issuedAt: claims.iat * 1_000,
    expiresAt: claims.exp * 1_000,
  };
}

function bindingOf({ cnf }: TokenClaims): IssuedToken['binding'] {
  if (cnf?.jkt !== undefined) return 'dpop';
  return cnf?.['x5t#S256'] !== undefined ? 'mtls' : 'bearer';
}
