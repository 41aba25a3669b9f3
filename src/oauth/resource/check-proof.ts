import { sha256Base64url } from '../../kernel/bytes.ts';
import { isJsonObject, type Json } from '../../kernel/canonical-json.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import { isAlgorithm, signatureHolds } from './algorithms.ts';
import type { ProofReplays } from './ports.ts';
import { nonceLife, type ProofNonces } from './proof-nonces.ts';
import { readJwt, type UnverifiedJwt } from './read-jwt.ts';
import { publicKey } from './verification-keys.ts';
import { skew } from './verify-token.ts';

/** What a proof has to be about. */
export interface ProvenRequest {
  readonly method: string;
  /** The resource that is asked, which is the URL without its query. */
  readonly url: string;
  readonly token: string;
  /** The SPIFFE ID of the agent that shows it. */
  readonly agent: string;
}

export interface ProofPorts {
  readonly nonces: ProofNonces;
  readonly replays: ProofReplays;
  readonly clock: Clock;
}

/**
 * The thumbprint of the key that a DPoP proof shows to be held by whoever makes this very request (RFC 9449 §4.3). Each proof is
 * good once. Throws Fault `proof_nonce` when it is to be made again with a nonce of ours, `proof_invalid`, or `unavailable`.
 */
export function checkProof(
  text: string,
  request: ProvenRequest,
  ports: ProofPorts,
): string | Promise<string> {
  const proof = readProof(text);
  const { iat, jti, nonce } = proof.claims;
  // Before the signature: whoever has no nonce of ours costs nothing.
  if (typeof nonce !== 'string' || !ports.nonces.accepts(nonce)) {
    throw new Fault(
      'proof_nonce',
      'The proof has to hold a nonce of this gateway; make it again with the one given.',
    );
  }
  checkRequest(proof, request, ports.clock.now());
  const thumbprint = checkKey(proof);
  if (typeof jti !== 'string' || jti === '' || jti.length > 256) throw refused('has no jti');
  const once = {
    agent: request.agent,
    proof: sha256Base64url(`${thumbprint} ${jti}`),
    from: Number(iat) * 1_000 - skew,
    milliseconds: nonceLife,
  };
  const taken = ports.replays.take(once);
  const judge = (first: boolean): string => {
    if (first) return thumbprint;
    throw refused('was used before');
  };
  return taken instanceof Promise ? taken.then(judge) : judge(taken);
}

function readProof(text: string): UnverifiedJwt {
  try {
    return readJwt(text, 'proof');
  } catch (cause) {
    if (cause instanceof Fault) throw new Fault('proof_invalid', cause.message, { cause });
    throw cause;
  }
}

/** That it is for this request, with this token, now. */
function checkRequest({ header, claims }: UnverifiedJwt, request: ProvenRequest, now: number): void {
  const { htm, htu, iat, ath } = claims;
  if (header['typ'] !== 'dpop+jwt') throw refused('is not of the type dpop+jwt');
  if (htm !== request.method) throw refused(`is not for ${request.method}`);
  if (!isUrl(htu, request.url)) throw refused(`is not for ${request.url}`);
  if (typeof iat !== 'number' || now - iat * 1_000 > nonceLife + skew || iat * 1_000 - now > skew) {
    throw refused('was not made just now; check both clocks');
  }
  if (ath !== sha256Base64url(request.token)) throw refused('is for another token');
}

/** RFC 9449 §4.3: without query and fragment, otherwise as RFC 3986 §6.2.2 and §6.2.3 make it one. */
function isUrl(htu: Json | undefined, url: string): boolean {
  if (typeof htu !== 'string' || !URL.canParse(htu)) return false;
  const named = new URL(htu);
  named.search = '';
  named.hash = '';
  return named.href === new URL(url).href;
}

/** The key is in the proof (RFC 9449 §4.2): what it signs shows that it is held, and nothing else. */
function checkKey({ header, input, signature }: UnverifiedJwt): string {
  const { alg, jwk } = header;
  if (!isAlgorithm(alg) || !isJsonObject(jwk))
    throw refused('has no key, or an algorithm that does not count');
  const key = publicKey(jwk);
  if (!key || !signatureHolds(alg, input, signature, key))
    throw refused('has a signature that does not hold');
  // What was read, and not what stands there, has a thumbprint: members could be there twice but for their form.
  return thumbprintOf({ ...key.export({ format: 'jwk' }) });
}

/** RFC 7638 §3.1 and §3.2: the members that every key of its kind has, in the order of their names. */
function thumbprintOf({ crv, e, kty, n, x, y }: Readonly<Record<string, unknown>>): string {
  return sha256Base64url(
    JSON.stringify(kty === 'RSA' ? { e, kty, n } : kty === 'EC' ? { crv, kty, x, y } : { crv, kty, x }),
  );
}

function refused(why: string): Fault {
  return new Fault('proof_invalid', `The DPoP proof ${why}.`);
}
