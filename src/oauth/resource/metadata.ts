import type { JsonObject } from '../../kernel/canonical-json.ts';
import { algorithmNames } from './algorithms.ts';
import { resourceOf, type ServerTokenRule, type TokenRules } from './token-rules.ts';

const wellKnown = '/.well-known/oauth-protected-resource';

/** Where the metadata of a resource is: the well-known part stands before its path (RFC 9728 §3.1). */
export function metadataUrlOf(rules: Pick<TokenRules, 'gateway'>, server: string | null): string {
  const resource = new URL(resourceOf(rules, server));
  return `${resource.origin}${wellKnown}${resource.pathname}`;
}

/**
 * Protected resource metadata (RFC 9728 §2) by the path it is asked for: that of a server, that of all servers, and at the
 * root the latter again, which is where clients look last. Null for a path that is none or a server that wants no tokens.
 */
export function metadataAt(rules: TokenRules, path: string): JsonObject | null {
  if (!path.startsWith(wellKnown)) return null;
  const inserted = path.slice(wellKnown.length);
  if (inserted === '' || inserted === '/' || inserted === '/mcp') {
    return rules.allServers && metadataOf(rules, null, rules.allServers);
  }
  const server = inserted.startsWith('/mcp/') ? inserted.slice('/mcp/'.length) : '';
  const rule = rules.servers.get(server);
  return rule ? metadataOf(rules, server, rule) : null;
}

/** Whether a path is one that metadata could be at. */
export function isMetadataPath(path: string): boolean {
  return path === wellKnown || path.startsWith(`${wellKnown}/`);
}

function metadataOf(rules: TokenRules, server: string | null, rule: ServerTokenRule): JsonObject {
  const scopes = new Set([...rule.asked, ...rule.demands.flatMap((demand) => demand.scopes)]);
  return {
    resource: resourceOf(rules, server),
    resource_name: server === null ? 'All MCP servers of this gateway' : `The MCP server ${server}`,
    authorization_servers: issuersFor(rules, rule).map(({ issuer }) => issuer),
    scopes_supported: [...scopes],
    // RFC 6750 §2.1 only: a token in a query or a form is one in a log.
    bearer_methods_supported: ['header'],
    // RFC 9728 §2: whether tokens are to be bound to certificates.
    tls_client_certificate_bound_access_tokens: rule.bindings.size === 1 && rule.bindings.has('mtls'),
    ...(rule.bindings.has('dpop') && { dpop_signing_alg_values_supported: algorithmNames }),
  };
}

/** The issuers whose tokens count for a server. */
export function issuersFor({ issuers }: TokenRules, rule: ServerTokenRule): TokenRules['issuers'] {
  return rule.issuers === null ? issuers : issuers.filter(({ name }) => rule.issuers?.has(name));
}
