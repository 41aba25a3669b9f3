import {
  type AuthorizationServer,
  type Client,
  type ClientAuth,
  ClientSecretPost,
  None,
  TlsClientAuth,
} from 'oauth4webapi';
import { assertNever } from '../../kernel/assert-never.ts';
import { Fault } from '../../kernel/fault.ts';
import { registerClient } from './register-client.ts';
import { shown } from './resource-metadata.ts';
import type { Web } from './web.ts';

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
 * Chooses who to be: by certificate at our own authority, else as configured, by a document, or newly registered. A client without a
 * secret is known by the certificate where it is shown. `redirect` is
 * where the browser comes back to, null without one. Throws Fault `sign_in_failed` when there is no way.
 */
export async function chooseClient(
  server: AuthorizationServer,
  choice: ClientChoice,
  redirect: string | null,
  web: Web,
): Promise<ClientIdentity> {
  const { spiffeId, configured, document, register } = choice;
  // RFC 8705 §2.1 with the SAN that makes the agent, as draft-ietf-oauth-spiffe-client-auth has it.
  if (spiffeId !== null) return asKept({ id: spiffeId, secret: null, method: 'certificate' });
  if (configured) {
    if (configured.secret !== null) return asKept({ ...configured, method: secretMethod(server) });
    return asKept({ ...configured, method: knowsCertificate(server, web) ? 'certificate' : 'none' });
  }
  if (document !== null && server['client_id_metadata_document_supported'] === true) {
    return asKept({ id: document, secret: null, method: 'none' });
  }
  if (register && server.registration_endpoint !== undefined) {
    return asKept(await registerClient(server, redirect, web));
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
      return basic(secret ?? '');
    case 'post':
      return ClientSecretPost(secret ?? '');
    case 'none':
      return None();
    default:
      return assertNever(method);
  }
}

/** Whether the certificate that it is shown is enough for it to know its client (RFC 8705 §2.1). */
function knowsCertificate(
  { token_endpoint, token_endpoint_auth_methods_supported: methods }: AuthorizationServer,
  web: Web,
): boolean {
  return (
    token_endpoint !== undefined &&
    web.presents(token_endpoint) &&
    methods?.includes('tls_client_auth') === true
  );
}

/** RFC 8414 §2: without the member it is client_secret_basic. */
function secretMethod({
  token_endpoint_auth_methods_supported: methods,
}: AuthorizationServer): 'basic' | 'post' {
  return methods === undefined || methods.includes('client_secret_basic') ? 'basic' : 'post';
}

/**
 * RFC 6749 §2.3.1: id and secret as in a form, which leaves `-`, `.` and `_` as they are. The library writes those as well as escapes,
 * and servers that read none do not know the client.
 */
function basic(secret: string): ClientAuth {
  const written = (text: string): string => new URLSearchParams([['', text]]).toString().slice(1);
  return (_server, { client_id: id }, _body, headers) => {
    const words = Buffer.from(`${written(id)}:${written(secret)}`).toString('base64');
    headers.set('authorization', `Basic ${words}`);
  };
}
