import type { JsonObject } from '../../kernel/canonical-json.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Exchange } from '../../http/exchange.ts';
import type { Standing } from '../../identity/standing.ts';
import { challenging } from './challenge.ts';
import { checkDemands, type TokenAsk } from './check-demands.ts';
import type { Grant } from './grant.ts';
import { issuersFor, metadataAt, metadataUrlOf } from './metadata.ts';
import { checkProof, type ProofPorts } from './check-proof.ts';
import type { EndedGrants, IssuerKeys, ProofReplays } from './ports.ts';
import type { ProofNonces } from './proof-nonces.ts';
import { createSignatureCache } from './signature-cache.ts';
import { resourceOf, type ServerTokenRule, type TokenRules } from './token-rules.ts';
import { type PresentedToken, verifyToken, type VerifyPorts } from './verify-token.ts';

/** The token step of the data path. `server` is null for the endpoint of all servers. */
export interface TokenGate {
  /**
   * What the token of a request is good for at a server; null where the server wants none. Throws TokenFault, or Fault
   * `unavailable` when the keys of an issuer cannot be had.
   */
  admit(request: TokenRequest, standing: Standing, server: string | null): Grant | null | Promise<Grant>;
  /** Whether a server wants a token. */
  wants(server: string): boolean;
  /** Holds a grant to what is needed for what a body asks. Throws TokenFault. */
  demand(grant: Grant | null, server: string, asks: readonly TokenAsk[]): void;
  /** Whether an exchange that was begun under a grant may go on, an hour after its end at the most. Throws TokenFault. */
  confirm(grant: Grant | null, server: string | null): void;
  /** Protected resource metadata by its path, or null. */
  metadataAt(path: string): JsonObject | null;
  /** The step for the parts of a request whose token was looked at for the whole, at the endpoint of all servers. */
  within(whole: Grant | null): TokenGate;
}

export type TokenRequest = Pick<Exchange, 'headers' | 'method'>;

export interface TokenGateOptions {
  /** The rules in force now; another value whenever they changed. */
  readonly rules: () => TokenRules;
  readonly keys: IssuerKeys;
  readonly ended: EndedGrants;
  readonly nonces: ProofNonces;
  readonly replays: ProofReplays;
  readonly clock: Clock;
}

/** Tokens whose signatures are remembered. */
const mostTokens = 8_192;
/** How long an exchange may go on after the end of the token it was begun with, in milliseconds. */
const outlives = 60 * 60_000;

export function createTokenGate(options: TokenGateOptions): TokenGate {
  const { rules, keys, ended, clock } = options;
  const ports: VerifyPorts = { keys, ended, clock, cache: createSignatureCache(mostTokens) };
  const about = challenges(options);
  return {
    admit(request, standing, server) {
      const now = rules();
      const rule = ruleOf(now, server);
      if (!rule) return null;
      if (server === null && now.allServersOptional && request.headers.get('authorization') === null)
        return null;
      const terms = { resource: resourceOf(now, server), issuers: acceptedIssuers(now, rule) };
      const judge = (presented: PresentedToken): Grant | Promise<Grant> => {
        const grant = verifyToken(presented, standing, terms, ports);
        if (grant instanceof Promise) return grant.then((later) => accepted(later, rule, terms));
        return accepted(grant, rule, terms);
      };
      return about(rule, server, () => {
        const presented = present(request, standing, { rule, resource: terms.resource }, options);
        return presented instanceof Promise ? presented.then(judge) : judge(presented);
      });
    },
    ...checks(options, ports, (server) => server),
    metadataAt: (path) => metadataAt(rules(), path),
    within(whole) {
      // A challenge is about the endpoint that the client uses.
      const own = checks(options, ports, () => null);
      return {
        ...own,
        admit(_request, _standing, server) {
          if (server === null || !ruleOf(rules(), server)) return null;
          own.confirm(whole, server);
          return whole;
        },
        metadataAt: () => null,
        within: () => {
          throw new TypeError('A part of a request has no parts.');
        },
      };
    },
  };
}

/** Does something about a token, and makes what it refuses a challenge of the endpoint that the client uses. */
type Challenging = <Result>(rule: ServerTokenRule, server: string | null, act: () => Result) => Result;

function challenges({ rules, nonces }: TokenGateOptions): Challenging {
  return <Result>(rule: ServerTokenRule, server: string | null, act: () => Result): Result => {
    const challenge = (error: unknown): never => {
      throw challenging(error, {
        rule,
        metadataUrl: metadataUrlOf(rules(), server),
        nonce: nonces.current(),
      });
    };
    try {
      const result = act();
      return result instanceof Promise ? (result.catch(challenge) as Result) : result;
    } catch (error) {
      return challenge(error);
    }
  };
}

/** What is looked at once there is a grant. `at`: the endpoint that the client uses. */
function checks(
  options: TokenGateOptions,
  ports: VerifyPorts,
  at: (server: string | null) => string | null,
): Pick<TokenGate, 'wants' | 'demand' | 'confirm'> {
  const { rules, clock } = options;
  const about = challenges(options);
  return {
    wants: (server) => rules().servers.has(server),
    demand(grant, server, asks) {
      const rule = rules().servers.get(server);
      if (rule) about(rule, at(server), () => checkDemands(mustHave(grant), rule, asks, clock.now()));
    },
    confirm(grant, server) {
      const now = rules();
      const rule = ruleOf(now, server);
      if (!rule || (server === null && grant === null && now.allServersOptional)) return;
      about(rule, at(server), () => confirmGrant(grant, rule, now, ports));
    },
  };
}

function ruleOf({ servers, allServers }: TokenRules, server: string | null): ServerTokenRule | null {
  return server === null ? allServers : (servers.get(server) ?? null);
}

/** The lists are the same objects as long as the rules are. */
function acceptedIssuers(rules: TokenRules, rule: ServerTokenRule): TokenRules['issuers'] {
  return rule.issuers === null ? rules.issuers : issuersFor(rules, rule);
}

/** RFC 6750 §2.1, RFC 9449 §7.1: the scheme in any case, one token. */
const authorization = /^(bearer|dpop) +([A-Za-z0-9\-._~+/]+=*)$/i;

/** The token of a request, and the key whose proof came along where the server takes such. */
function present(
  { headers, method }: TokenRequest,
  { caller }: Standing,
  { rule, resource }: { readonly rule: ServerTokenRule; readonly resource: string },
  proofs: ProofPorts,
): PresentedToken | Promise<PresentedToken> {
  const header = headers.get('authorization');
  if (header === null) throw noToken();
  const [, scheme = '', token] = authorization.exec(header) ?? [];
  if (token === undefined) {
    throw new Fault('token_invalid', 'The Authorization header is not "Bearer" or "DPoP" and one token.');
  }
  const proof = headers.get('dpop');
  if (scheme.toLowerCase() === 'bearer') {
    if (proof === null) return { scheme: 'bearer', token, proofKey: null };
    throw new Fault(
      'token_invalid',
      'The token came as Bearer, and with the proof of a key that it is not bound to.',
    );
  }
  if (!rule.bindings.has('dpop')) throw new Fault('token_invalid', refusedBinding.dpop);
  if (proof === null) throw new Fault('proof_invalid', 'A token as DPoP needs a proof in the DPoP header.');
  const request = { method, url: resource, token, agent: caller.spiffeId };
  const proofKey = checkProof(proof, request, proofs);
  if (proofKey instanceof Promise)
    return proofKey.then((later) => ({ scheme: 'dpop', token, proofKey: later }));
  return { scheme: 'dpop', token, proofKey };
}

function noToken(): Fault {
  return new Fault(
    'token_required',
    'This MCP server wants an access token besides the certificate. Log in.',
  );
}

function mustHave(grant: Grant | null): Grant {
  if (!grant) throw noToken();
  return grant;
}

/** A grant of a kind that the server takes. */
function accepted(grant: Grant, rule: ServerTokenRule, { issuers }: Pick<TokenRules, 'issuers'>): Grant {
  if (!rule.bindings.has(grant.binding)) throw new Fault('token_invalid', refusedBinding[grant.binding]);
  if (!issuers.some(({ issuer }) => issuer === grant.issuer)) {
    throw new Fault('token_invalid', 'The token is of an issuer that does not count for this server.');
  }
  return grant;
}

const refusedBinding = {
  mtls: 'Tokens that are bound to certificates do not count for this server.',
  dpop: 'The token is bound to a key and has to be bound to the certificate.',
  paired: 'The token is bound to nothing and has to be bound to the certificate.',
  bearer: 'The token is bound to nothing, and its client is not one for this agent.',
} as const;

function confirmGrant(
  given: Grant | null,
  rule: ServerTokenRule,
  rules: TokenRules,
  ports: VerifyPorts,
): void {
  const grant = accepted(mustHave(given), rule, { issuers: acceptedIssuers(rules, rule) });
  if (ports.ended.isEnded(grant)) throw new Fault('token_ended', 'The token was ended. Log in again.');
  if (ports.clock.now() >= grant.expiresAt + outlives) {
    throw new Fault('token_invalid', 'The token ended long ago; get a new one.');
  }
}
