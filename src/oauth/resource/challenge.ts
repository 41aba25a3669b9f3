import { Fault } from '../../kernel/fault.ts';
import type { FaultCode } from '../../kernel/fault-codes.ts';
import { algorithmNames } from './algorithms.ts';
import { DemandFault } from './check-demands.ts';
import type { ServerTokenRule } from './token-rules.ts';

/** A refusal that tells its client how to go on. */
export class TokenFault extends Fault {
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: FaultCode, detail: string, headers: Readonly<Record<string, string>>, cause?: unknown) {
    super(code, detail, { cause });
    this.headers = headers;
  }
}

/** The `error` of a challenge (RFC 6750 §3.1, RFC 9470 §3); none where no token was shown. */
const errors: Readonly<Partial<Record<FaultCode, string | null>>> = {
  token_required: null,
  token_invalid: 'invalid_token',
  token_ended: 'invalid_token',
  // RFC 9449 §7.1 and §9.
  proof_invalid: 'invalid_dpop_proof',
  proof_nonce: 'use_dpop_nonce',
  scope_insufficient: 'insufficient_scope',
  login_insufficient: 'insufficient_user_authentication',
};

/** Where a client finds out who issues tokens, and what the server wants of them. */
export interface ChallengeContext {
  readonly metadataUrl: string;
  readonly rule: ServerTokenRule;
  /** The nonce that proofs have to hold now. */
  readonly nonce: string;
}

/** A fault about a token with the challenge of its resource (RFC 9728 §5.1); any other fault as it is. */
export function challenging(error: unknown, context: ChallengeContext): unknown {
  if (!(error instanceof Fault) || error instanceof TokenFault) return error;
  const said = errors[error.code];
  if (said === undefined) return error;
  const needed = error instanceof DemandFault ? error.needed : null;
  const scopes = needed?.scopes ?? context.rule.asked;
  if (needed?.stepUpScope) {
    // Clients of MCP know what to do about a scope, and few know RFC 9470.
    const all = [...new Set([...scopes, needed.stepUpScope])];
    return fault('scope_insufficient', error, context, { error: 'insufficient_scope', scopes: all });
  }
  return fault(error.code, error, context, {
    error: said,
    scopes,
    ...(needed?.acr && { acr: needed.acr }),
    ...(needed?.maxAge && { maxAge: needed.maxAge }),
  });
}

function fault(code: FaultCode, cause: Fault, context: ChallengeContext, said: Said): TokenFault {
  const aboutProof = code === 'proof_invalid' || code === 'proof_nonce';
  // Clients of MCP look at the first challenge; who came with a proof looks for its own.
  const challenges = [bearerChallenge(context, aboutProof ? { ...said, error: null } : said)];
  const takesProofs = context.rule.bindings.has('dpop');
  if (takesProofs) challenges.push(proofChallenge(said.error));
  return new TokenFault(
    code,
    cause.message,
    {
      'www-authenticate': challenges.join(', '),
      ...(takesProofs && { 'dpop-nonce': context.nonce }),
    },
    cause,
  );
}

function bearerChallenge({ metadataUrl }: ChallengeContext, said: Said): string {
  return challenge('Bearer', [
    ['resource_metadata', metadataUrl],
    ...(said.error === null ? [] : [['error', said.error]]),
    ...(said.scopes.length === 0 ? [] : [['scope', said.scopes.join(' ')]]),
    ...(said.acr ? [['acr_values', said.acr.join(' ')]] : []),
    ...(said.maxAge === undefined ? [] : [['max_age', String(said.maxAge / 1_000)]]),
  ]);
}

/** RFC 9449 §7.1. */
function proofChallenge(error: string | null): string {
  return challenge('DPoP', [
    ...(error === null ? [] : [['error', error]]),
    ['algs', algorithmNames.join(' ')],
  ]);
}

/** What is quoted was checked when the rules were read: it holds neither quotes nor backslashes. */
function challenge(scheme: string, parameters: readonly (readonly string[])[]): string {
  return `${scheme} ${parameters.map(([name, value]) => `${name}="${value}"`).join(', ')}`;
}

interface Said {
  readonly error: string | null;
  readonly scopes: readonly string[];
  readonly acr?: readonly string[];
  readonly maxAge?: number;
}
