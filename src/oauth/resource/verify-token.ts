import { sha256Base64url } from '../../kernel/bytes.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Fault } from '../../kernel/fault.ts';
import type { Standing } from '../../identity/standing.ts';
import { isAlgorithm, signatureHolds } from './algorithms.ts';
import { Grant } from './grant.ts';
import type { EndedGrants, IssuerKeys } from './ports.ts';
import { readClaims, type TokenClaims } from './read-claims.ts';
import { longestJwt, readJwt, type UnverifiedJwt } from './read-jwt.ts';
import type { SignatureCache, SignedToken } from './signature-cache.ts';
import type { Binding, TokenIssuer } from './token-rules.ts';
import { verificationKey } from './verification-keys.ts';

/** A token as it was presented. */
export interface PresentedToken {
  readonly scheme: 'bearer' | 'dpop';
  readonly token: string;
  /** The thumbprint of the key whose proof came along and holds (RFC 9449 §4.3); null without one. */
  readonly proofKey: string | null;
}

/** What the token is held to. */
export interface TokenTerms {
  /** The one resource that it must be for. */
  readonly resource: string;
  readonly issuers: readonly TokenIssuer[];
}

export interface VerifyPorts {
  readonly keys: IssuerKeys;
  readonly ended: EndedGrants;
  readonly cache: SignatureCache;
  readonly clock: Clock;
}

/** How far the clocks of two machines may differ, in milliseconds. */
export const skew = 30_000;

/**
 * Holds a token to its issuer, to the resource, to the time and to the connection that it comes by. Only that its signature
 * holds is remembered; everything else is looked at each time. Throws Fault `token_invalid`, `token_ended`, or `unavailable`
 * when the keys of its issuer cannot be had.
 */
export function verifyToken(
  presented: PresentedToken,
  standing: Standing,
  terms: TokenTerms,
  ports: VerifyPorts,
): Grant | Promise<Grant> {
  if (presented.token.length > longestJwt) throw refused('is longer than 16 KiB');
  const hash = sha256Base64url(presented.token);
  const known = ports.cache.get(hash);
  if (known && terms.issuers.includes(known.issuer)) {
    const keys = ports.keys.keysOf(known.issuer, known.kid);
    // Keys that its issuer has withdrawn sign nothing any more.
    if (keys === known.keys) return grantOf(known, presented, standing, { terms, ports });
  }
  const signed = verifySignature(presented.token, hash, terms, ports);
  if (signed instanceof Promise) {
    return signed.then((later) => grantOf(later, presented, standing, { terms, ports }));
  }
  return grantOf(signed, presented, standing, { terms, ports });
}

/** Whose token it is, and whether that is true (RFC 7515 §5.2, RFC 8725 §3). */
function verifySignature(
  token: string,
  hash: string,
  { issuers }: TokenTerms,
  { keys: issuerKeys, cache }: VerifyPorts,
): SignedToken | Promise<SignedToken> {
  const jwt = readJwt(token);
  const issuer = issuers.find((each) => each.issuer === jwt.claims['iss']);
  if (!issuer) throw refused('is of an issuer that does not count here');
  const kid = kidOf(jwt);
  const judge = (keys: SignedToken['keys']): SignedToken => {
    checkSignature(jwt, issuer, kid, keys);
    const claims = readClaims(jwt, issuer);
    checkPerson(claims, issuer, issuers);
    const signed = Object.freeze({ claims, issuer, kid, keys });
    cache.put(hash, signed);
    return signed;
  };
  const keys = issuerKeys.keysOf(issuer, kid);
  return keys instanceof Promise ? keys.then(judge) : judge(keys);
}

/** Names are those of one issuer by what stands before them; an issuer whose names stand alone has none that look like that. */
function checkPerson({ person }: TokenClaims, issuer: TokenIssuer, issuers: readonly TokenIssuer[]): void {
  if (person === null || issuer.personPrefix !== '') return;
  const other = issuers.find(({ personPrefix }) => personPrefix !== '' && person.startsWith(personPrefix));
  if (other) throw refused(`names a person as if ${other.name} had`);
}

function kidOf({ header }: UnverifiedJwt): string | null {
  const { kid } = header;
  if (kid === undefined) return null;
  if (typeof kid !== 'string' || kid === '' || kid.length > 256)
    throw refused('names its key in no proper way');
  return kid;
}

function checkSignature(
  { header, input, signature }: UnverifiedJwt,
  issuer: TokenIssuer,
  kid: string | null,
  keys: SignedToken['keys'],
): void {
  const { alg } = header;
  if (!isAlgorithm(alg) || !issuer.algorithms.has(alg)) {
    throw refused(`is signed with an algorithm that does not count for ${issuer.name}`);
  }
  const key = verificationKey(keys, alg, kid);
  if (!key) throw refused(`is signed with a key that ${issuer.name} does not have for that`);
  if (!signatureHolds(alg, input, signature, key)) throw refused('has a signature that does not hold');
}

/** What is looked at on every request. */
function grantOf(
  { claims, issuer }: SignedToken,
  presented: PresentedToken,
  standing: Standing,
  { terms, ports }: { readonly terms: TokenTerms; readonly ports: VerifyPorts },
): Grant {
  const { caller } = standing;
  checkTimes(claims, issuer, ports.clock.now());
  checkAudience(claims, issuer, terms.resource);
  const binding = bindingOf(claims, presented, standing, issuer);
  const grant = Grant.of(claims, {
    issuer,
    audience: terms.resource,
    binding,
    caller,
    token: presented.token,
  });
  if (ports.ended.isEnded(grant)) throw new Fault('token_ended', 'The token was ended. Log in again.');
  return grant;
}

/** RFC 7519 §4.1.4 to §4.1.6. */
function checkTimes({ expiresAt, notBefore, issuedAt }: TokenClaims, issuer: TokenIssuer, now: number): void {
  if (now >= expiresAt + skew) throw refused('has ended; get a new one');
  if (notBefore !== null && now < notBefore - skew) throw refused('is not valid yet; check both clocks');
  if (issuedAt !== null && now < issuedAt - skew)
    throw refused('was issued in the future; check both clocks');
  if (expiresAt - (issuedAt ?? now) > issuer.longestLife + skew) {
    throw refused(`lives longer than the ${issuer.longestLife / 60_000} min that ${issuer.name} may give`);
  }
}

/** RFC 8707 §2, RFC 9068 §4: for this resource, and unless its issuer cannot help it for no other one. */
function checkAudience({ audiences }: TokenClaims, issuer: TokenIssuer, resource: string): void {
  if (!audiences.includes(resource)) throw refused(`is not for ${resource}`);
  if (issuer.audience === 'exact' && audiences.length > 1) throw refused('is for other resources as well');
}

/** How the token is tied to this connection. */
function bindingOf(
  { certificate, proofKey, client }: TokenClaims,
  presented: PresentedToken,
  { caller, agent }: Standing,
  { pairs }: TokenIssuer,
): Binding {
  if (certificate !== null) {
    // RFC 8705 §3: the certificate of this very connection.
    if (certificate !== caller.thumbprint) throw refused('is bound to another certificate');
    if (presented.scheme === 'dpop' || presented.proofKey !== null) {
      throw refused('is bound to a certificate, and came with the proof of a key');
    }
    return 'mtls';
  }
  if (proofKey !== null) {
    // RFC 9449 §7.1 and §7.2: a token that is bound to a key is none without the proof.
    if (presented.scheme !== 'dpop') throw refused('is bound to a key and has to come as DPoP');
    if (presented.proofKey !== proofKey) throw refused('is bound to another key');
    return 'dpop';
  }
  if (presented.scheme === 'dpop') throw refused('is bound to no key');
  const paired = pairs.some(
    ({ clients, agents, roles }) =>
      client !== null &&
      clients.has(client) &&
      (!agents || agents.has(caller.name)) &&
      (!roles || (agent?.roles.some((role) => roles.has(role)) ?? false)),
  );
  return paired ? 'paired' : 'bearer';
}

function refused(why: string): Fault {
  return new Fault('token_invalid', `The token ${why}.`);
}
