import type { JsonObject } from '../../kernel/canonical-json.ts';

/** A certificate that the log says was issued, or is about to be. */
export interface Issuance {
  /** Of the entry in the log. */
  readonly index: number;
  readonly time: string;
  readonly stage: 'reserved' | 'issued';
  readonly serial: string;
  readonly name: string;
  readonly kind: string;
  readonly door: string;
  /** Who stands behind it; null in entries from before it was noted. */
  readonly owner: string | null;
  /** base64url SHA-256 of its SubjectPublicKeyInfo; null in entries from before it was noted. */
  readonly keyHash: string | null;
  /** Serial of the certificate that it renews, or null. */
  readonly replaces: string | null;
  /** Epoch milliseconds. */
  readonly notAfter: number;
}

/** What somebody has to hear of: one line of JSON, and one message to the receiver. */
export type Alert = JsonObject & {
  readonly type: 'alert';
  /** `certificate-unexpected` or `log-broken`. */
  readonly alert: string;
  /** The same for the same occasion, so that a receiver takes it once. */
  readonly id: string;
};
