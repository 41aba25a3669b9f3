import type { Exchange } from '../../http/exchange.ts';
import type { JsonObject } from '../../kernel/canonical-json.ts';
import type { AuthorizationServerOptions } from './authorization-server.ts';
import { isEnded, isStructured, readOwnToken, type TokenClaims } from './own-tokens.ts';
import type { PresentedAgent } from './presented-agent.ts';
import { routes } from './token-routes.ts';

/** Who asks about a token. */
export interface Asker {
  readonly agent: PresentedAgent | null;
  /** Whether it is a gateway, which may ask about every token (RFC 7662 §2.1). */
  readonly gateway: boolean;
  /**
   * Who has neither certificate: the client that it proves to be, as clients do at the endpoint, or null once it was answered that
   * it does not.
   */
  client(): Promise<string | null>;
}

/** To whom a token was given, or a gateway. */
type Known = Pick<Asker, 'agent' | 'gateway'> & { readonly client: string | null };

type Parts = Pick<
  AuthorizationServerOptions,
  'issuer' | 'keys' | 'records' | 'clock' | 'record' | 'afterglow'
>;

/**
 * Revocation and introspection of access tokens: they are JWTs, which the engine cannot tell from garbage. False for everything
 * else, which is the engine's.
 */
export async function answerStructured(
  exchange: Exchange,
  form: Uint8Array,
  asker: Asker,
  parts: Parts,
): Promise<boolean> {
  const asked = exchange.path === routes.introspection || exchange.path === routes.revocation;
  if (!asked || exchange.method !== 'POST') return false;
  const fields = new URLSearchParams(Buffer.from(form).toString());
  const token = fields.get('token') ?? '';
  // A gateway is no client of the engine; what it asks about that is no token of ours is over.
  if (!isStructured(token) && !(asker.gateway && exchange.path === routes.introspection)) return false;
  const { agent, gateway } = asker;
  const client = agent || gateway ? null : await asker.client();
  if (!agent && !gateway && client === null) return true;
  const known = { agent, gateway, client };
  const claims = await readOwnToken(token, parts);
  if (exchange.path === routes.revocation) await revoke(exchange, claims, known, parts);
  else await answer(exchange, 200, (await introspect(claims, known, parts)) ?? { active: false });
  return true;
}

/** RFC 7009 §2.1: who holds a token may end it; §2.2: what is no token, or somebody else's, is as good as ended. */
async function revoke(
  exchange: Exchange,
  claims: TokenClaims | null,
  known: Known,
  { record, clock, afterglow }: Parts,
): Promise<void> {
  const actor = known.agent?.caller.spiffeId ?? known.client;
  if (claims && actor !== null && isHeldBy(claims, known)) {
    const now = clock.now();
    const end = { kind: 'token', key: claims.jti, before: now, until: now + afterglow } as const;
    await record.ended(end, { reason: 'revoked by its holder', actor });
  }
  await answer(exchange, 200, null);
}

/** RFC 7662 §2.2; null for what the asker may not know of, too (§4). */
async function introspect(
  claims: TokenClaims | null,
  known: Known,
  parts: Parts,
): Promise<JsonObject | null> {
  if (!claims || !(known.gateway || isHeldBy(claims, known))) return null;
  if (await isEnded(claims, parts)) return null;
  const type = claims.cnf?.jkt === undefined ? 'Bearer' : 'DPoP';
  return { active: true, token_type: type, ...(claims as unknown as JsonObject) };
}

/** Whether a token was given to this agent, to its very certificate or to itself, whichever it has now; or to this client. */
function isHeldBy({ client_id, act, cnf }: TokenClaims, { agent, client }: Known): boolean {
  if (!agent) return client === client_id;
  const holder = act?.sub ?? client_id;
  return holder === agent.caller.spiffeId || cnf?.['x5t#S256'] === agent.caller.thumbprint;
}

async function answer(exchange: Exchange, status: number, json: JsonObject | null): Promise<void> {
  const headers = { 'cache-control': 'no-store', ...(json && { 'content-type': 'application/json' }) };
  await exchange.respond(status, headers, json ? JSON.stringify(json) : '');
}
