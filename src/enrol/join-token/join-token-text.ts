import { sha256Base64url, toBase64url } from '../../kernel/bytes.ts';
import { randomBytes, randomId } from '../../kernel/random.ts';

/** The two halves of a join token: a name to look it up by, and the hash of its secret. */
export interface JoinTokenParts {
  readonly id: string;
  readonly secretHash: string;
}

// Both halves have a fixed length, because base64url may itself contain the underscore.
const form = /^cst_([A-Za-z0-9_-]{22})_([A-Za-z0-9_-]{43})$/;

/** A fresh token with a 256-bit secret: its text, which is shown once, and the parts that are stored. */
export function drawJoinToken(): JoinTokenParts & { readonly text: string } {
  const id = randomId();
  const secret = toBase64url(randomBytes(32));
  return { text: `cst_${id}_${secret}`, id, secretHash: sha256Base64url(secret) };
}

/** The parts of a token's text, or null when it is not a join token. */
export function readJoinToken(text: string): JoinTokenParts | null {
  const [, id, secret] = form.exec(text) ?? [];
  return id === undefined || secret === undefined ? null : { id, secretHash: sha256Base64url(secret) };
}
