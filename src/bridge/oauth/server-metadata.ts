import type { AuthorizationServer } from 'oauth4webapi';
import { isJsonArray, isJsonObject, type Json } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { shown } from './resource-metadata.ts';
import type { Web } from './web.ts';

const urls = [
  'token_endpoint',
  'authorization_endpoint',
  'pushed_authorization_request_endpoint',
  'device_authorization_endpoint',
  'registration_endpoint',
  'revocation_endpoint',
] as const;

/**
 * The metadata of an authorization server, by RFC 8414 §3.1 and OpenID Connect Discovery, in the order of MCP. Throws Fault
 * `sign_in_failed` when they are another issuer's (§3.3), name no token endpoint or one that is not https, or what asking throws.
 * Where they say that it binds tokens to certificates, or knows clients by them, its endpoints see ours (RFC 8705) if we have one to show.
 */
export async function findServer(web: Web, issuer: string): Promise<AuthorizationServer> {
  const place = web.check(issuer, `The authorization server ${shown(issuer)}`);
  for (const url of placesOf(place)) {
    const answer = await web.request({ method: 'GET', url, headers: { accept: 'application/json' } });
    if (answer.status === 200) return withCertificate(web, readServer(web, answer.json(), issuer));
  }
  throw new Fault(
    'sign_in_failed',
    `The authorization server ${shown(issuer)} has no metadata: neither RFC 8414 nor OpenID Connect Discovery finds any.`,
  );
}

function placesOf({ origin, pathname }: URL): readonly string[] {
  const path = pathname.replace(/\/$/, '');
  const inserted = ['oauth-authorization-server', 'openid-configuration'].map(
    (name) => `${origin}/.well-known/${name}${path}`,
  );
  return path === '' ? inserted : [...inserted, `${origin}${path}/.well-known/openid-configuration`];
}

function readServer(web: Web, value: Json, issuer: string): AuthorizationServer {
  const document = isJsonObject(value) ? value : {};
  // RFC 8414 §3.3, character by character: what answers here for another issuer would mix them up (RFC 9207 §1).
  const { issuer: other } = document;
  if (other !== issuer) {
    throw new Fault(
      'sign_in_failed',
      `The metadata at ${shown(issuer)} are those of another authorization server, ${typeof other === 'string' ? shown(other) : 'which has no name'}.`,
    );
  }
  for (const name of urls) {
    const url = document[name];
    if (url === undefined) continue;
    if (typeof url !== 'string') throw new Fault('sign_in_failed', `${name} of ${shown(issuer)} is no URL.`);
    web.check(url, `${name} of the authorization server ${shown(issuer)}`);
  }
  if (document['token_endpoint'] === undefined) {
    throw new Fault('sign_in_failed', `The authorization server ${shown(issuer)} has no token endpoint.`);
  }
  return document as unknown as AuthorizationServer;
}

/** The endpoints that programs call; a browser shows no certificate of ours. */
const programs = urls.filter((name) => name !== 'authorization_endpoint');

/** RFC 8705 §5: with the endpoints that it has for certificates in place of the others. */
function withCertificate(web: Web, server: AuthorizationServer): AuthorizationServer {
  const methods = server.token_endpoint_auth_methods_supported ?? [];
  if (server.tls_client_certificate_bound_access_tokens !== true && !methods.includes('tls_client_auth')) {
    return server;
  }
  const aliases: Readonly<Record<string, unknown>> = server.mtls_endpoint_aliases ?? {};
  const named = programs.flatMap((name) => {
    const url = aliases[name] ?? server[name];
    if (url === undefined) return [];
    if (typeof url !== 'string')
      throw new Fault('sign_in_failed', `${name} of ${shown(server.issuer)} is no URL.`);
    web.check(url, `${name} of the authorization server ${shown(server.issuer)}`);
    return [[name, url] as const];
  });
  if (!web.present(named.map(([, url]) => url))) return server;
  return { ...server, ...Object.fromEntries(named) };
}

/** OAuth 2.1 §7.5.2 as MCP has it: without S256 a code that somebody else got hold of could be used. Throws Fault `sign_in_failed`. */
export function requirePkce({
  issuer,
  code_challenge_methods_supported: methods,
}: AuthorizationServer): void {
  if (isJsonArray(methods ?? null) && (methods as readonly string[]).includes('S256')) return;
  throw new Fault(
    'sign_in_failed',
    `The authorization server ${shown(issuer)} does not say that it checks PKCE with S256, so no code is asked of it.`,
  );
}
