import {
  type AuthorizationServer,
  type Client,
  type ClientAuth,
  ClientSecretBasic,
  ClientSecretPost,
  dynamicClientRegistrationRequest,
  None,
  processDynamicClientRegistrationResponse,
  TlsClientAuth,
} from 'oauth4webapi';
import { assertNever } from '../../kernel/assert-never.ts';
import { Fault } from '../../kernel/fault.ts';
import { type LibraryOptions, signInFault } from './library.ts';
import { shown } from './resource-metadata.ts';

/** Who the bridge is at an authorization server. */
export interface ClientIdentity {
  readonly client: Client;
  readonly authentication: ClientAuth;
  /** What must be kept to be the same client again. */
  readonly kept: KeptClient;
}

/** A client as it is stored beside its refresh token. */
export interface KeptClient {
  readonly id: string;
  readonly secret: string | null;
  readonly method: 'certificate' | 'none' | 'basic' | 'post';
}

/** What the user said about the client, and what the certificate says. */
export interface ClientChoice {
  /** Ours at our own authority: the SPIFFE ID of the certificate; null elsewhere. */
  readonly spiffeId: string | null;
  /** Registered beforehand. */
  readonly configured: { readonly id: string; readonly secret: string | null } | null;
  /** URL of a client ID metadata document. */
  readonly document: string | null;
  /** Whether the bridge may register itself (RFC 7591), which MCP keeps for servers that know nothing better. */
  readonly register: boolean;
}

/**
 * Chooses who to be: by certificate at our own authority, else as configured, by a document, or newly registered. `redirect` is
 * where the browser comes back to, null without one. Throws Fault `sign_in_failed` when there is no way.
 */
export async function chooseClient(
  server: AuthorizationServer,
  choice: ClientChoice,
  redirect: string | null,
  options: LibraryOptions,
): Promise<ClientIdentity> {
  const { spiffeId, configured, document, register } = choice;
  // RFC 8705 §2.1 with the SAN that makes the agent, as draft-ietf-oauth-spiffe-client-auth has it.
  if (spiffeId !== null) return asKept({ id: spiffeId, secret: null, method: 'certificate' });
  if (configured) {
    const method = configured.secret === null ? 'none' : secretMethod(server);
    return asKept({ ...configured, method });
  }
  if (document !== null && server['client_id_metadata_document_supported'] === true) {
    return asKept({ id: document, secret: null, method: 'none' });
  }
  if (register && server.registration_endpoint !== undefined) {
    return await registerClient(server, redirect, options);
  }
  throw new Fault(
    'sign_in_failed',
    `The authorization server ${shown(server.issuer)} knows no client of ours and takes none by itself. Register one there, and start with --client-id.`,
  );
}

/** The client of a stored sign-in. */
export function asKept(kept: KeptClient): ClientIdentity {
  return { client: { client_id: kept.id }, authentication: authenticationOf(kept), kept };
}

function authenticationOf({ method, secret }: KeptClient): ClientAuth {
  switch (method) {
    case 'certificate':
      return TlsClientAuth();
    case 'basic':
      return ClientSecretBasic(secret ?? '');
    case 'post':
      return ClientSecretPost(secret ?? '');
    case 'none':
      return None();
    default:
      return assertNever(method);
  }
}

/** RFC 8414 §2: without the member it is client_secret_basic. */
function secretMethod({
  token_endpoint_auth_methods_supported: methods,
}: AuthorizationServer): 'basic' | 'post' {
  return methods === undefined || methods.includes('client_secret_basic') ? 'basic' : 'post';
}

async function registerClient(
  server: AuthorizationServer,
  redirect: string | null,
  options: LibraryOptions,
): Promise<ClientIdentity> {
  const methods = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
  const method = methods.includes('none')
    ? 'none'
    : secretMethod(server) === 'basic'
      ? 'client_secret_basic'
      : 'client_secret_post';
  const metadata = {
    client_name: 'Countersign bridge',
    application_type: 'native',
    token_endpoint_auth_method: method,
    grant_types: [
      redirect === null ? 'urn:ietf:params:oauth:grant-type:device_code' : 'authorization_code',
      'refresh_token',
    ],
    response_types: redirect === null ? [] : ['code'],
    redirect_uris: redirect === null ? [] : [redirect],
  };
  try {
    const response = await dynamicClientRegistrationRequest(server, metadata, options);
    const given = await processDynamicClientRegistrationResponse(response);
    const secret = typeof given.client_secret === 'string' ? given.client_secret : null;
    const said = given['token_endpoint_auth_method'] ?? method;
    const kept = secret === null ? 'none' : said === 'client_secret_post' ? 'post' : 'basic';
    return asKept({ id: given.client_id, secret, method: kept });
  } catch (error) {
    throw signInFault(error, server.issuer);
  }
}
