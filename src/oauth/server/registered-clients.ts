import type { JSONWebKeySet } from 'jose';
import type { ClientMetadata } from 'oidc-provider';

/** What clients may sign their assertions with; nothing that a shared secret or nobody signs (RFC 8725 §3.1). */
export const assertionAlgorithms = ['ES256', 'EdDSA', 'Ed25519', 'PS256', 'RS256'] as const;

/** A client that the operator has written down, with the keys that it signs its assertions with (RFC 7523). */
export interface RegisteredClient {
  readonly id: string;
  readonly name: string | null;
  readonly redirects: readonly string[];
  readonly grants: readonly string[];
  /** The only algorithm that it signs with; null for any of those that we take. */
  readonly algorithm: string | null;
  readonly keys: JSONWebKeySet;
}

/** Port: the clients of the configuration. */
export interface RegisteredClients {
  /** `kid`: the key that an assertion of it names. Throws Fault `unavailable` when its keys cannot be had. */
  find(id: string, kid: string | null): Promise<RegisteredClient | null>;
}

/** What the engine takes it for: a client that proves who it is with a key and nothing else. */
export function metadataOf(client: RegisteredClient): ClientMetadata {
  const { id, name, redirects, grants, algorithm, keys } = client;
  return {
    client_id: id,
    client_name: name ?? id,
    application_type: redirects.every((redirect) => redirect.startsWith('https:')) ? 'web' : 'native',
    token_endpoint_auth_method: 'private_key_jwt',
    ...(algorithm !== null && { token_endpoint_auth_signing_alg: algorithm as 'ES256' }),
    jwks: keys,
    grant_types: [...grants],
    response_types: redirects.length === 0 ? [] : ['code'],
    redirect_uris: [...redirects],
  };
}
