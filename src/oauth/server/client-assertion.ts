import { errors, type KoaContextWithOIDC } from 'oidc-provider';
import { sha256Base64url } from '../../kernel/bytes.ts';
import { isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';

/** How far ahead an assertion may end, in seconds: it is made for the request that it comes with. */
const longestLife = 300;
/** How far the client's clock may be from ours, in seconds. */
const clockDifference = 15;
const longestId = 256;

/**
 * What the engine leaves open about an assertion whose signature and times hold (RFC 7523 §3, as draft-ietf-oauth-rfc7523bis
 * narrows it). Throws `invalid_client`.
 */
export function checkClientAssertion(
  claims: Readonly<Record<string, unknown>>,
  header: Readonly<Record<string, unknown>>,
  { issuer, now }: { readonly issuer: string; readonly now: number },
): void {
  // rfc7523bis §4: the issuer as the sole value, so that what was made for another server is of no use here.
  if (claims['aud'] !== issuer) refuse(`aud has to be ${issuer}, and nothing else`);
  const { exp, iat, jti } = claims;
  const latest = now / 1_000 + longestLife + clockDifference;
  if (typeof exp !== 'number' || exp > latest) refuse(`it ends more than ${longestLife} seconds from now`);
  if (iat !== undefined && (typeof iat !== 'number' || iat > now / 1_000 + clockDifference)) {
    refuse('it was made in the future');
  }
  if (typeof jti !== 'string' || jti.length > longestId) refuse(`its jti is longer than ${longestId}`);
  // RFC 8725 §3.11: what was signed for another purpose, a DPoP proof or an access token, is no assertion.
  const { typ } = header;
  const kind = typeof typ === 'string' ? typ.toLowerCase().replace(/^application\//, '') : typ;
  if (kind !== undefined && kind !== 'jwt' && kind !== 'client-authentication+jwt') {
    refuse('its typ is not that of an assertion of a client');
  }
}

function refuse(why: string): never {
  throw new errors.InvalidClientAuth(`the client assertion is refused: ${why}`);
}

/** Whether what is noted as used is the assertion of the request, and not a proof (RFC 9449) of it. */
export function isOfAssertion(id: string, ctx: KoaContextWithOIDC | undefined): boolean {
  const assertion: unknown = ctx?.oidc.params?.['client_assertion'];
  if (typeof assertion !== 'string') return false;
  const { iss, jti } = partOf(assertion, 1);
  return typeof iss === 'string' && typeof jti === 'string' && id === sha256Base64url(`${iss}${jti}`);
}

/** The key that the assertion of a request names, which a client may have begun to use just now. */
export function keyOfAssertion(ctx: KoaContextWithOIDC | undefined): string | null {
  const assertion: unknown = ctx?.oidc.params?.['client_assertion'];
  if (typeof assertion !== 'string') return null;
  const { kid } = partOf(assertion, 0);
  return typeof kid === 'string' ? kid : null;
}

function partOf(jwt: string, at: 0 | 1): JsonObject {
  try {
    const value = JSON.parse(Buffer.from(jwt.split('.')[at] ?? '', 'base64url').toString()) as Json;
    return isJsonObject(value) ? value : {};
  } catch {
    return {};
  }
}
