import { isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import { parseJson } from '../../kernel/parse-json.ts';

/** Grants that a client of somebody else may have. */
const knownGrants = ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'];

/**
 * What a client of somebody else says of itself (RFC 7591 §2), as the engine takes it. Real ones leave out what they need
 * (`application_type` with a loopback redirect, the authentication method), and name what nobody here has: grants, scopes, keys
 * for other methods. What would make it false stays, for the engine to refuse: methods with secrets.
 */
export function clientMetadata(said: JsonObject): JsonObject {
  const methods = said['token_endpoint_auth_methods_supported'];
  const method = said['token_endpoint_auth_method'] ?? (isNotPublic(methods) ? methods[0] : 'none');
  const redirects = listOf(said['redirect_uris']);
  const grants = listOf(said['grant_types'] ?? ['authorization_code', 'refresh_token']);
  const algorithm = method === 'private_key_jwt' ? said['token_endpoint_auth_signing_alg'] : undefined;
  const keyed = method === 'self_signed_tls_client_auth' || method === 'private_key_jwt';
  return present({
    client_name: said['client_name'],
    client_uri: said['client_uri'],
    ...(keyed && { jwks: said['jwks'], jwks_uri: said['jwks_uri'] }),
    redirect_uris: redirects,
    // RFC 8252 §7.3: a port of its own choice is for native clients alone.
    application_type: redirects.some(isLoopback) ? 'native' : 'web',
    grant_types: grants.filter((grant) => typeof grant === 'string' && knownGrants.includes(grant)),
    response_types: ['code'],
    token_endpoint_auth_method: method,
    token_endpoint_auth_signing_alg: algorithm,
  });
}

/** The octets as a JSON object, or null. */
export function readMetadata(octets: Uint8Array): JsonObject | null {
  try {
    const value = parseJson(octets, { depth: 8, values: 1_000 });
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}

function present(members: Readonly<Record<string, Json | undefined>>): JsonObject {
  return Object.fromEntries(
    Object.entries(members).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])),
  );
}

function isNotPublic(methods: Json | undefined): methods is readonly Json[] {
  return Array.isArray(methods) && methods.length > 0 && !methods.includes('none');
}

export function listOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

/** Whether a redirect URI leads to a program on the person's own machine (RFC 8252 §7.3). */
export function isLoopback(redirect: Json): boolean {
  if (typeof redirect !== 'string' || !URL.canParse(redirect)) return false;
  const { protocol, hostname } = new URL(redirect);
  return protocol === 'http:' && ['127.0.0.1', '[::1]', 'localhost'].includes(hostname);
}
