import { sha256Base64url } from '../kernel/bytes.ts';
import type { Passport } from '../oauth/agent-passport/passport-gate.ts';
import type { Grant } from '../oauth/resource/grant.ts';
import type { SignedCall } from '../oauth/signed-call/check-call.ts';

/** What a record says of a token; never the token. */
export interface TokenRecord {
  /** Who acts for the person, the one that shows the token first (RFC 8693 §4.1); undefined for a token that names nobody. */
  readonly actors: readonly string[] | undefined;
  readonly binding: Grant['binding'];
  readonly client: string | null;
  readonly grant: string | null;
  readonly issuer: string;
  readonly person: string | null;
  readonly tokenId: string | null;
}

export function tokenRecord(grant: Grant): TokenRecord {
  const { actors, binding, client, grantId, issuerName, person, tokenId } = grant;
  const told = (text: string | null): string | null => (text === null ? null : short(text));
  return {
    actors: actors.length > 0 ? actors.map(short) : undefined,
    binding,
    client: told(client),
    grant: told(grantId),
    issuer: issuerName,
    person: told(person),
    tokenId: told(tokenId),
  };
}

/** What a record says of the signature of a call: all that shows it to others, with the certificate of `call.signer`. */
export type SignatureRecord = {
  readonly base: string;
  readonly contentDigest: string | null;
  readonly value: string;
};

export function signatureRecord({ base, contentDigest, signature }: SignedCall): SignatureRecord {
  return { base, contentDigest, value: signature };
}

/** Under which delegation a call was made, by whom, and the hash of the act. */
export type PassportRecord = {
  readonly action: string;
  readonly agent: string;
  readonly delegation: string;
  readonly issuer: string;
};

export function passportRecord({ actionRef, agent, delegation, issuer }: Passport): PassportRecord {
  return { action: actionRef, agent: short(agent), delegation, issuer: short(issuer) };
}

/** The longest text of a client that a record repeats, in UTF-16 units; a log entry has a greatest size. */
const longestText = 512;

/** A text of the client as a record keeps it: whole, or its beginning and its hash. */
export function short(text: string): string {
  if (text.length <= longestText) return text;
  return `${text.slice(0, longestText).toWellFormed()}… (sha256 ${sha256Base64url(text)})`;
}
