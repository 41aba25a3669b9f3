import type { CrlEntry } from '../x509/build-crl.ts';
import type { LeafKind } from '../x509/leaf-profile.ts';
import type { HardwareKey } from './evidence.ts';
import type { RevocationReason } from '../x509/revocation-reason.ts';

/** One row of the issuance record: written before the signature is made, never deleted. Times are epoch milliseconds. */
export interface CertificateRecord {
  /** Lowercase hex, even number of digits. */
  readonly serial: string;
  readonly name: string;
  readonly kind: LeafKind;
  readonly spiffeId: string;
  /** `reserved`: intent is durable, no certificate yet. `abandoned`: a crash or fault came before the certificate was stored. */
  readonly state: 'reserved' | 'issued' | 'revoked' | 'abandoned';
  readonly notBefore: number;
  readonly notAfter: number;
  readonly reservedAt: number;
  /** base64url SHA-256 of the to-be-signed octets that passed the lint. */
  readonly tbsHash: string;
  /** The certificate, or null while it is not issued. */
  readonly der: Uint8Array | null;
  /** Serial of the certificate this one renews, or null. */
  readonly replaces: string | null;
  /** The door that gave the evidence: `join-token`, `renewal`, `admin`. */
  readonly door: string;
  readonly revokedAt: number | null;
  /** Why it is revoked, for people. */
  readonly reason: string | null;
  /** Why it is revoked, as CRLs say it; `certificateHold` can be taken back. Null while it is not revoked. */
  readonly revocation: RevocationReason | null;
  /** base64url SHA-256 of the SubjectPublicKeyInfo; null for what was reserved before keys were noted. */
  readonly keyHash: string | null;
  /** Key identifier of the issuer, in hex; null for what came to nothing before issuers were noted. */
  readonly issuer: string | null;
  /** The hardware that the key is in, or null where none was attested. */
  readonly hardware: HardwareKey | null;
  /** The authority that issues it, where the store has had several. */
  readonly instance?: string | null;
}

/** Port: the issuance record. Every promise resolves only when the change is durable. */
export interface CertificateRecords {
  /** Adds a record. Throws Fault `conflict` if the serial exists in any state. */
  reserve(record: CertificateRecord): Promise<void>;
  /** `reserved` → `issued`. Throws Fault `conflict` when the record is in another state, `not_found` when absent. */
  complete(serial: string, der: Uint8Array): Promise<void>;
  /** `reserved` → `abandoned`; a no-op for a record that is abandoned already. Throws Fault `conflict` or `not_found`. */
  abandon(serial: string): Promise<void>;
  find(serial: string): Promise<CertificateRecord | null>;
  /** Records that match every given filter, oldest reservation first; `expiresBefore` compares `notAfter <`. */
  list(filter: {
    name?: string;
    kind?: LeafKind;
    state?: CertificateRecord['state'];
    expiresBefore?: number;
    keyHash?: string;
    issuer?: string;
    /** Compares `notAfter >=`. */
    endsFrom?: number;
    /** Only what no issued certificate replaces. */
    notReplaced?: true;
  }): Promise<readonly CertificateRecord[]>;
  /**
   * Any state → `revoked`; false if it was revoked already (the first reason and time stay), but for one on hold, which
   * can be revoked for good. `revocation` is `unspecified` unless given. Throws Fault `not_found`.
   */
  revoke(serial: string, reason: string, at: number, revocation?: RevocationReason): Promise<boolean>;
  /**
   * Takes a hold back: `issued` again, or `abandoned` when no certificate had come of it. False when it is not revoked.
   * Throws Fault `conflict` for one that is revoked for good, `not_found`.
   */
  reinstate(serial: string): Promise<boolean>;
  /** What of an issuer is revoked or on hold and ends at that time or later, in the order of serials. */
  listRevoked(endsFrom: number, issuer: string): Promise<readonly CrlEntry[]>;
  /** The largest `reservedAt` of all records, or null when there are none. */
  lastReservedAt(): Promise<number | null>;
}
