import type { ClientMetadata } from 'oidc-provider';
import type { AgentRegistry } from './presented-agent.ts';

/** Where an agent's own program waits for the answer of the authorization endpoint; any port (RFC 8252 §7.3). */
const loopbackRedirects = ['http://127.0.0.1/callback', 'http://[::1]/callback'];

const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange';
const assertionGrant = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code';

/**
 * The client behind an id that was not registered: an active agent is one under its SPIFFE ID and authenticates with its
 * certificate (RFC 8705 §2.1.2, a URI in the subject alternative name). Undefined for any other id.
 */
export async function knownClient(
  id: string,
  agents: Pick<AgentRegistry, 'find'>,
): Promise<ClientMetadata | undefined> {
  if (!id.startsWith('spiffe://')) return undefined;
  const agent = await agents.find(id);
  if (!agent) return undefined;
  return {
    client_id: id,
    client_name: agent.name,
    application_type: 'native',
    token_endpoint_auth_method: 'tls_client_auth',
    tls_client_auth_san_uri: id,
    grant_types: [
      'client_credentials',
      'authorization_code',
      'refresh_token',
      deviceGrant,
      exchangeGrant,
      assertionGrant,
    ],
    response_types: ['code'],
    authorization_details_types: ['mcp_call'],
    redirect_uris: loopbackRedirects,
  };
}
