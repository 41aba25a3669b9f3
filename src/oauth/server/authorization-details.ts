import { type AuthorizationDetail, type Configuration, errors, type KoaContextWithOIDC } from 'oidc-provider';
import { z } from 'zod';

/** Rights in more detail than scopes say them (RFC 9396): these tools of these servers, and no others. */
const callDetail = z.strictObject({
  type: z.literal('mcp_call'),
  /** Resources that it is about; all that the token is for, where it names none. */
  locations: z.array(z.url().max(500)).min(1).max(20).optional(),
  tools: z.array(z.string().min(1).max(128)).min(1).max(100),
});

/** What the engine does about them. */
export const richRequests = {
  enabled: true,
  types: {
    mcp_call: {
      validate(_ctx, detail) {
        const parsed = callDetail.safeParse(detail);
        if (parsed.success) return;
        throw new errors.InvalidAuthorizationDetails(
          'mcp_call has tools, a list of names, and may have locations, a list of resources, and nothing else',
        );
      },
    },
  },
  authorizationDetailsForGrantSource: ({ oidc }) => oidc.grant?.rar,
  authorizationDetailsForAccessToken(ctx, token, source) {
    const granted = source === undefined ? requestedOf(ctx) : (source.rar ?? []);
    const requested = requestedOf(ctx) ?? granted ?? [];
    const known = new Set(granted?.map((detail) => JSON.stringify(detail)));
    if (!requested.every((detail) => known.has(JSON.stringify(detail)))) {
      // RFC 9396 §6.2: no more than was granted.
      throw new errors.InvalidAuthorizationDetails('these authorization details were not granted');
    }
    return requested.filter(
      ({ locations }) => locations === undefined || isAbout(locations, String(token.aud)),
    );
  },
  authorizationDetailsForIntrospection: (_ctx, token) => ('rar' in token ? token.rar : undefined),
} as const satisfies NonNullable<Configuration['features']>['richAuthorizationRequests'];

function isAbout(locations: unknown, resource: string): boolean {
  return Array.isArray(locations) && locations.includes(resource);
}

function requestedOf({ oidc }: KoaContextWithOIDC): AuthorizationDetail[] | undefined {
  const text = oidc.params?.['authorization_details'];
  return typeof text === 'string' ? (JSON.parse(text) as AuthorizationDetail[]) : undefined;
}
