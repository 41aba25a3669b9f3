import { isJsonArray, isJsonObject, type Json } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Web } from './web.ts';

/** What a protected resource says of itself (RFC 9728 §2), checked. */
export interface ProtectedResource {
  /** Its identifier, as tokens are asked for it (RFC 8707). */
  readonly resource: string;
  /** Authorization servers, as they name themselves; the first is the resource's choice. */
  readonly issuers: readonly [string, ...string[]];
  readonly scopes: readonly string[] | null;
}

const wellKnown = '/.well-known/oauth-protected-resource';

/**
 * The metadata of a server: where it says that they are, or at the two places of RFC 9728 §3.1. null when there are none. Throws
 * Fault `sign_in_failed` when they are another resource's (§3.3), or what asking throws.
 */
export async function findResource(
  web: Web,
  server: string,
  named: string | null,
): Promise<ProtectedResource | null> {
  for (const location of named === null ? placesOf(new URL(server)) : [named]) {
    const url = web.check(location, 'The place of the metadata that the server names');
    const answer = await web.request({
      method: 'GET',
      url: url.href,
      headers: { accept: 'application/json' },
    });
    if (answer.status === 200) return readResource(answer.json(), url, new URL(server));
  }
  if (named === null) return null;
  throw refused(`has no metadata at ${named}, where it says that they are`);
}

function placesOf(server: URL): readonly string[] {
  const path = server.pathname === '/' ? '' : server.pathname;
  const inserted = `${server.origin}${wellKnown}${path}${server.search}`;
  return path === '' && server.search === '' ? [inserted] : [inserted, `${server.origin}${wellKnown}`];
}

function readResource(value: Json, location: URL, server: URL): ProtectedResource {
  const document = isJsonObject(value) ? value : {};
  const { resource, authorization_servers: given, scopes_supported: scopes } = document;
  if (typeof resource !== 'string' || !URL.canParse(resource))
    throw refused('has metadata without a resource');
  // RFC 9728 §3.3: or the token would be another server's. What lies at the root of a host speaks for the host (§3.1).
  const spokenFor = [server.href];
  if (location.href === `${server.origin}${wellKnown}`) spokenFor.push(`${server.origin}/`);
  if (!spokenFor.includes(new URL(resource).href)) {
    throw refused(
      `has metadata of another resource, ${shown(resource)}: a token for that one is not asked for`,
    );
  }
  const [first, ...more] = isJsonArray(given ?? null) ? (given as readonly Json[]) : [];
  const others = more.filter((issuer) => typeof issuer === 'string');
  if (typeof first !== 'string') throw refused('names no authorization server in its metadata');
  return {
    resource,
    issuers: [first, ...others],
    scopes: isJsonArray(scopes ?? null)
      ? (scopes as readonly Json[]).filter((scope) => typeof scope === 'string')
      : null,
  };
}

function refused(why: string): Fault {
  return new Fault('sign_in_failed', `The server ${why}.`);
}

/** Words of a stranger on one line of a terminal. */
export function shown(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]+/g, ' ').slice(0, 300);
}
