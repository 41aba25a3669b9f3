import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../../kernel/canonical-json.ts';
import { Fault } from '../../kernel/fault.ts';
import { valuesAt } from '../../kernel/json-pointer.ts';
import type { UnverifiedJwt } from './read-jwt.ts';
import type { TokenIssuer } from './token-rules.ts';

/** What an access token says, as values. Nothing here depends on time, connection or resource. */
export interface TokenClaims {
  readonly subject: string;
  readonly client: string | null;
  /** The person by the name that policies and the log use; null where a client has a token of its own. */
  readonly person: string | null;
  readonly scopes: readonly string[];
  readonly audiences: readonly string[];
  readonly tokenId: string | null;
  readonly grantId: string | null;
  /** Who acts for the subject (RFC 8693 §4.1), the nearest first. */
  readonly actors: readonly string[];
  readonly acr: string | null;
  /** Epoch milliseconds, as are all times. */
  readonly authenticatedAt: number | null;
  readonly issuedAt: number | null;
  readonly notBefore: number | null;
  readonly expiresAt: number;
  /** RFC 8705 §3.1. */
  readonly certificate: string | null;
  /** RFC 9449 §6.1. */
  readonly proofKey: string | null;
}

/** Reads the claims of a token of an issuer. Throws Fault `token_invalid`. */
export function readClaims({ header, claims }: UnverifiedJwt, issuer: TokenIssuer): TokenClaims {
  checkKind(header, claims, issuer);
  const subject = textAt(claims, 'sub') ?? refuse('has no subject');
  const client = clientOf(claims);
  const tokenId = textAt(claims, 'jti');
  const issuedAt = timeAt(claims, 'iat');
  if (issuer.type === 'at+jwt' && (client === null || tokenId === null || issuedAt === null)) {
    // RFC 9068 §2.2.
    refuse('lacks client_id, jti or iat, which RFC 9068 demands');
  }
  const actors = actorsOf(claims['act']);
  return Object.freeze({
    subject,
    client,
    person: personOf(claims, issuer, subject === client),
    scopes: scopesOf(claims, issuer),
    audiences: audiencesOf(claims['aud']),
    tokenId,
    grantId: textAt(claims, 'gid'),
    actors,
    acr: textAt(claims, 'acr'),
    authenticatedAt: timeAt(claims, 'auth_time'),
    issuedAt,
    notBefore: timeAt(claims, 'nbf'),
    expiresAt: timeAt(claims, 'exp') ?? refuse('does not say when it ends'),
    ...confirmationOf(claims['cnf']),
  });
}

/** RFC 8725 §3.11 and §3.12: a JWT made for something else is no access token. */
function checkKind(header: JsonObject, claims: JsonObject, { type }: TokenIssuer): void {
  const { typ } = header;
  // RFC 7515 §4.1.9: a media type, whose "application/" is left out as a rule.
  const kind = typeof typ === 'string' ? typ.toLowerCase().replace(/^application\//, '') : null;
  if (kind !== type.toLowerCase()) refuse(`is not of the type ${type}`);
  if (type === 'at+jwt') return;
  const { typ: said, at_hash: ofIdToken, events } = claims;
  if (ofIdToken !== undefined || events !== undefined) refuse('is an ID token or an event, no access token');
  if (said !== undefined && (typeof said !== 'string' || !/^(bearer|dpop)$/i.test(said))) {
    refuse('says of itself that it is no access token');
  }
}

function clientOf(claims: JsonObject): string | null {
  const [client, party] = [textAt(claims, 'client_id'), textAt(claims, 'azp')];
  if (client !== null && party !== null && client !== party) refuse('names two clients');
  return client ?? party;
}

function personOf(
  claims: JsonObject,
  { personAt, personPrefix }: TokenIssuer,
  alone: boolean,
): string | null {
  if (alone) return null;
  const values = valuesAt(claims, personAt);
  const [name] = values;
  if (values.length !== 1 || !isText(name)) {
    return refuse(`does not say at ${personAt} which person it is for`);
  }
  return `${personPrefix}${name}`;
}

/** RFC 6749 §3.3. */
const scope = /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/;
const mostScopes = 256;

/** `scope` as RFC 9068 §2.2.3 has it, or `scp` as others do, and what rules make of other claims. */
function scopesOf(claims: JsonObject, { scopeRules }: TokenIssuer): readonly string[] {
  const said = claims['scope'] ?? claims['scp'];
  const words = typeof said === 'string' ? said.split(' ') : isJsonArray(said) ? said : [];
  const found = new Set(words.filter((word) => word !== ''));
  for (const rule of scopeRules) {
    const all = [...rule.claims].every(([pointer, wanted]) =>
      valuesAt(claims, pointer).some((value) => wanted.includes(value)),
    );
    if (all) for (const each of rule.scopes) found.add(each);
  }
  const scopes = [...found].filter((each) => typeof each === 'string' && scope.test(each)) as string[];
  if (scopes.length !== found.size || found.size > mostScopes) refuse('has scopes that are none');
  return Object.freeze(scopes);
}

function audiencesOf(aud: Json | undefined): readonly string[] {
  const all = isJsonArray(aud) ? aud : [aud];
  if (!all.every((each) => typeof each === 'string')) refuse('has no audience');
  return Object.freeze(all);
}

/** How many may act for one another. */
const mostActors = 8;

function actorsOf(act: Json | undefined): readonly string[] {
  const actors: string[] = [];
  for (let each = act; each !== undefined; each = each['act']) {
    const sub = isJsonObject(each) ? textAt(each, 'sub') : null;
    if (!isJsonObject(each) || sub === null) return refuse('has an actor without a name');
    actors.push(sub);
    if (actors.length > mostActors) refuse(`has more than ${mostActors} actors`);
  }
  return Object.freeze(actors);
}

/** RFC 7800 §3.1. A confirmation that we do not know would go unchecked. */
function confirmationOf(cnf: Json | undefined): Pick<TokenClaims, 'certificate' | 'proofKey'> {
  if (cnf === undefined) return { certificate: null, proofKey: null };
  if (!isJsonObject(cnf)) return refuse('has a confirmation that is none');
  const { 'x5t#S256': certificate, jkt, ...other } = cnf;
  if (Object.keys(other).length > 0) refuse('is bound in a way that is not known here');
  if (certificate !== undefined && jkt !== undefined)
    refuse('is bound to a certificate and to a key at once');
  const thumbprint = certificate ?? jkt;
  if (typeof thumbprint !== 'string' || !/^[\w-]{43}$/.test(thumbprint)) {
    refuse('is bound to something that is no thumbprint');
  }
  return {
    certificate: typeof certificate === 'string' ? certificate : null,
    proofKey: typeof jkt === 'string' ? jkt : null,
  };
}

const longestText = 1_024;

function textAt(claims: JsonObject, name: string): string | null {
  const value = claims[name];
  if (value === undefined || value === null) return null;
  if (!isText(value)) {
    return refuse(`has a ${name} that is no text`);
  }
  return value;
}

function isText(value: Json | undefined): value is string {
  return typeof value === 'string' && value !== '' && value.length <= longestText && value.isWellFormed();
}

/** Seconds since 1970 (RFC 7519 §2, NumericDate), in milliseconds. */
function timeAt(claims: JsonObject, name: string): number | null {
  const value = claims[name];
  if (value === undefined || value === null) return null;
  if (typeof value !== 'number' || value < 0 || value > 1e11) return refuse(`has a ${name} that is no time`);
  return value * 1_000;
}

function refuse(why: string): never {
  throw new Fault('token_invalid', `The token ${why}.`);
}
