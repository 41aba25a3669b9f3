import { createHash, type Hash } from 'node:crypto';
import { sha256Base64url } from './bytes.ts';

/** SHA-256 of what comes in pieces. Most streams are one piece, which is hashed at half the cost. */
export class RunningHash {
  private only: Uint8Array | null = null;
  private hash: Hash | null = null;

  /** The octets stay as they are until the next piece or the end. */
  update(piece: Uint8Array): void {
    if (this.hash) this.hash.update(piece);
    else if (this.only) this.hash = createHash('sha256').update(this.only).update(piece);
    else this.only = piece;
  }

  /** As base64url without padding; once. */
  digest(): string {
    return this.hash ? this.hash.digest('base64url') : sha256Base64url(this.only ?? '');
  }
}
