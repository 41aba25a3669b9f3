/** Where the authorization server answers. */
export const routes = {
  authorization: '/authorize',
  code_verification: '/device',
  device_authorization: '/device_authorization',
  end_session: '/logout',
  introspection: '/introspect',
  jwks: '/jwks',
  pushed_authorization_request: '/par',
  registration: '/register',
  revocation: '/revoke',
  token: '/token',
} as const;

/** RFC 8414 §3 and OpenID Connect Discovery 1.0 §4. */
export const metadataPaths: ReadonlySet<string> = new Set([
  '/.well-known/oauth-authorization-server',
  '/.well-known/openid-configuration',
]);

/** What programs call, at the listener that asks for a certificate. */
export const programPaths: ReadonlySet<string> = new Set([
  routes.token,
  routes.jwks,
  routes.pushed_authorization_request,
  routes.introspection,
  routes.revocation,
  routes.device_authorization,
  ...metadataPaths,
]);

/** What browsers open, at the listener that never asks for one; the engine goes on below these. */
const browserPaths: readonly string[] = [routes.authorization, routes.code_verification];

/** Whether a path of the `people` listener is the engine's. */
export function isBrowserPath(path: string): boolean {
  return browserPaths.some((own) => path === own || path.startsWith(`${own}/`));
}
