import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { CompactSign, type JSONWebKeySet, type JWK } from 'jose';
import type { JsonObject } from '../kernel/canonical-json.ts';
import { steppedClock } from '../kernel/clock.ts';
import type { Standing } from '../identity/standing.ts';
import type { EndableToken } from '../oauth/resource/ports.ts';
import { memoryReplays } from '../oauth/resource/memory-replays.ts';
import { createProofNonces } from '../oauth/resource/proof-nonces.ts';
import { createTokenGate, type TokenGate } from '../oauth/resource/token-gate.ts';
import type { ServerTokenRule, TokenIssuer, TokenRules } from '../oauth/resource/token-rules.ts';

/** When the tests of tokens take place. */
export const tokenTime = 1_790_000_000_000;
export const gatewayUrl = 'https://gateway.example.internal:8443';

/** An issuer of tests: its tokens are made by jose. */
export interface MintingIssuer {
  readonly issuer: TokenIssuer;
  readonly jwk: JWK;
  readonly privateKey: KeyObject;
  /** A token with these claims over the usual ones; what is undefined is left out. */
  token(
    claims?: Readonly<Record<string, unknown>>,
    header?: Readonly<Record<string, unknown>>,
  ): Promise<string>;
}

export function mintingIssuer(changes: Partial<TokenIssuer> = {}, kid = 'one'): MintingIssuer {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk: JWK = { ...(publicKey.export({ format: 'jwk' }) as JWK), kid, use: 'sig' };
  const issuer: TokenIssuer = {
    name: 'sso',
    issuer: 'https://sso.example.internal',
    keys: { kind: 'set', set: { keys: [jwk] } },
    type: 'at+jwt',
    algorithms: new Set(['ES256']),
    audience: 'exact',
    longestLife: 3_600_000,
    personAt: '/sub',
    personPrefix: 'sso:',
    scopeRules: [],
    pairs: [],
    ...changes,
  };
  return {
    issuer,
    jwk,
    privateKey,
    token: (claims = {}, header = {}) =>
      signed({ alg: 'ES256', typ: issuer.type, kid, ...header }, { ...usual(issuer), ...claims }, privateKey),
  };
}

function usual({ issuer }: TokenIssuer): JsonObject {
  const now = tokenTime / 1_000;
  return {
    iss: issuer,
    sub: 'alice',
    aud: `${gatewayUrl}/mcp/files`,
    client_id: 'desktop',
    jti: 'token-1',
    gid: 'grant-1',
    scope: 'files:read files:write',
    iat: now,
    exp: now + 300,
  };
}

/** A compact JWS over any claims. */
export async function signed(header: object, claims: object | string, key: KeyObject): Promise<string> {
  const payload = typeof claims === 'string' ? claims : JSON.stringify(claims);
  return await new CompactSign(Buffer.from(payload))
    .setProtectedHeader({ ...header } as { alg: string })
    .sign(key);
}

export function serverRule(changes: Partial<ServerTokenRule> = {}): ServerTokenRule {
  return { bindings: new Set(['mtls']), issuers: null, scopes: [], asked: [], demands: [], ...changes };
}

export function tokenRules(changes: Partial<TokenRules> = {}): TokenRules {
  return {
    gateway: gatewayUrl,
    issuers: [],
    servers: new Map([['files', serverRule()]]),
    allServers: null,
    allServersOptional: false,
    ...changes,
  };
}

/** A gate over rules that can be changed, with a clock that moves when told. */
export interface TestGate {
  readonly gate: TokenGate;
  readonly clock: ReturnType<typeof steppedClock>;
  rules: TokenRules;
  /** Ended tokens, by their id. */
  readonly ended: Set<string>;
  /** What the key sets of issuers are now, by the name of the issuer, where they have changed. */
  readonly rotated: Map<string, JSONWebKeySet>;
  /** The code that a token is refused with, or the grant's binding. */
  answer(token: string | null, standing: Standing, more?: AnswerOptions): Promise<string>;
}

export interface AnswerOptions {
  readonly server?: string;
  readonly scheme?: string;
  /** Of the DPoP header. */
  readonly proof?: string;
  readonly ask?: { readonly method: string; readonly tool: string | null };
}

export function testGate(rules: TokenRules): TestGate {
  const clock = steppedClock(tokenTime);
  const ended = new Set<string>();
  const rotated = new Map<string, JSONWebKeySet>();
  const made: TestGate = {
    clock,
    rules,
    ended,
    rotated,
    gate: createTokenGate({
      clock,
      rules: () => made.rules,
      keys: {
        keysOf: ({ name, keys }) => rotated.get(name) ?? (keys.kind === 'set' ? keys.set : { keys: [] }),
      },
      nonces: createProofNonces(new Uint8Array(32), clock),
      replays: memoryReplays(clock),
      ended: { isEnded: ({ tokenId }: EndableToken) => tokenId !== null && ended.has(tokenId) },
    }),
    async answer(token, standing, { server = 'files', scheme = 'Bearer', ask, proof } = {}) {
      const header = token === null ? null : `${scheme} ${token}`;
      const headers = {
        get: (name: string) => (name === 'authorization' ? header : name === 'dpop' ? (proof ?? null) : null),
        entries: () => [].values(),
      };
      try {
        const grant = await made.gate.admit({ headers, method: 'POST' }, standing, server);
        made.gate.demand(grant, server, ask ? [ask] : []);
        return grant?.binding ?? 'no token wanted';
      } catch (error) {
        return error instanceof Error && 'code' in error ? String(error.code) : String(error);
      }
    },
  };
  return made;
}
