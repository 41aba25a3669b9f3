import type { JsonObject } from '../../kernel/canonical-json.ts';
import type { Attestation } from '../attest/verify-attestation.ts';
import type { Identifier } from './identifier.ts';

/** What an account is bound to: one registered agent or server. */
export interface Subject {
  readonly kind: 'agent' | 'server';
  readonly name: string;
  /** The only names that its orders may be for; a server without any may have what it proves to hold. */
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  /** The administrator who made the binding. */
  readonly createdBy: string;
}

/** An external account key. Its secret is not in it: that is derived from the id. Times are epoch milliseconds. */
export interface AcmeKeyRecord extends Subject {
  readonly id: string;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly usedAt: number | null;
}

export interface AcmeAccountRecord extends Subject {
  readonly id: string;
  /** RFC 7638, base64url. */
  readonly thumbprint: string;
  /** The public key in its canonical form. */
  readonly jwk: string;
  readonly contact: readonly string[];
  readonly status: 'valid' | 'deactivated' | 'revoked';
  readonly createdAt: number;
  /** The external account key that it was opened with. */
  readonly keyId: string;
}

/** A problem document as it is shown to the client (RFC 8555 §6.7). */
export type StoredProblem = JsonObject;

export interface AcmeOrderRecord {
  readonly id: string;
  readonly accountId: string;
  /** As stored; an order that is pending or ready past `expiresAt` is invalid. */
  readonly status: 'pending' | 'ready' | 'processing' | 'valid' | 'invalid';
  readonly identifiers: readonly Identifier[];
  readonly createdAt: number;
  readonly expiresAt: number;
  /** The end of the certificate that was asked for, or null. */
  readonly notAfter: number | null;
  /** Serial of the certificate that this order's replaces (RFC 9773 §5), or null. */
  readonly replaces: string | null;
  /** base64url SHA-256 of the public key being certified, while and after that happens. */
  readonly keyHash: string | null;
  readonly serial: string | null;
  readonly problem: StoredProblem | null;
}

/** Challenges that the authority looks at outside. */
export type OutsideChallenge = 'http-01' | 'dns-01' | 'tls-alpn-01';
export type ChallengeType = OutsideChallenge | 'device-attest-01';

export interface AcmeAuthorizationRecord {
  readonly id: string;
  readonly orderId: string;
  readonly accountId: string;
  readonly identifier: Identifier;
  /** As stored; pending past `expiresAt` is invalid, valid past it expired. */
  readonly status: 'pending' | 'valid' | 'invalid' | 'deactivated';
  readonly expiresAt: number;
  readonly token: string;
  /** The one challenge that the client chose, or null. */
  readonly challenge: ChallengeType | null;
  readonly validatedAt: number | null;
  /** What a device attested, once that was verified; null for every other challenge. */
  readonly attestation: Attestation | null;
  readonly problem: StoredProblem | null;
}

/** Port: external account keys. Every promise of these ports resolves only when the change is durable. */
export interface AcmeKeyRecords {
  add(record: AcmeKeyRecord): Promise<void>;
  /** Newest last. */
  list(): Promise<readonly AcmeKeyRecord[]>;
  /** Whether there was one that nobody had used. */
  remove(id: string): Promise<boolean>;
}

/** Port: accounts. */
export interface AcmeAccountRecords {
  /**
   * Uses the external account key up and adds the account it is bound to, in one step: of many callers one succeeds.
   * Null when the key is unknown, used or over. Throws Fault `conflict` when the account key has an account.
   */
  open(
    account: Pick<AcmeAccountRecord, 'id' | 'thumbprint' | 'jwk' | 'contact' | 'keyId'>,
    now: number,
  ): Promise<AcmeAccountRecord | null>;
  find(id: string): Promise<AcmeAccountRecord | null>;
  findByThumbprint(thumbprint: string): Promise<AcmeAccountRecord | null>;
  list(): Promise<readonly AcmeAccountRecord[]>;
  setContact(id: string, contact: readonly string[]): Promise<void>;
  /** `valid` → another; false when it was not valid. What the account still has open becomes invalid. */
  close(id: string, status: 'deactivated' | 'revoked'): Promise<boolean>;
  /** Throws Fault `conflict` when the new key has an account, or `from` is no longer the account's key. */
  changeKey(
    id: string,
    from: string,
    to: { readonly thumbprint: string; readonly jwk: string },
  ): Promise<void>;
}

/** How much an account may have. */
export interface OrderCaps {
  readonly open: number;
  readonly perHour: number;
}

/** Port: orders and their authorizations. Each change of state is one conditional step, so two requests cannot both make it. */
export interface AcmeOrderRecords {
  /**
   * Adds an order with its authorizations, and drops what is long over. Throws Fault `limit_reached`, `rate_exceeded`,
   * or `certificate_replaced` when another order that is not invalid replaces the same certificate.
   */
  add(
    order: AcmeOrderRecord,
    authorizations: readonly AcmeAuthorizationRecord[],
    caps: OrderCaps,
  ): Promise<void>;
  find(id: string): Promise<AcmeOrderRecord | null>;
  /** Newest first. */
  listOf(accountId: string, limit: number): Promise<readonly AcmeOrderRecord[]>;
  findBySerial(serial: string): Promise<AcmeOrderRecord | null>;
  processing(): Promise<readonly AcmeOrderRecord[]>;
  /** `ready` → `processing`; false when it was not ready, or is over. */
  begin(id: string, keyHash: string, now: number): Promise<boolean>;
  /** `processing` → `valid`. */
  complete(id: string, serial: string): Promise<void>;
  /** `processing` → `ready`. */
  putBack(id: string): Promise<void>;
  /** `processing` → `invalid`. */
  fail(id: string, problem: StoredProblem): Promise<void>;

  findAuthorization(id: string): Promise<AcmeAuthorizationRecord | null>;
  /** In the order of the identifiers. */
  authorizationsOf(orderId: string): Promise<readonly AcmeAuthorizationRecord[]>;
  /** Names that the account has proved and may still rely on. */
  provenBy(accountId: string, now: number): Promise<readonly Identifier[]>;
  /** Authorizations whose challenge was chosen and not settled. */
  unsettled(): Promise<readonly AcmeAuthorizationRecord[]>;
  /** Chooses the challenge of a pending authorization; false when one was chosen, or it is not pending or over. */
  choose(id: string, challenge: ChallengeType, now: number): Promise<boolean>;
  /**
   * Settles a chosen challenge of a pending authorization, and with it the order: the last valid one makes it ready, an
   * invalid one invalid. False when there was nothing to settle.
   */
  settle(
    id: string,
    outcome:
      | { readonly at: number; readonly attestation?: Attestation }
      | { readonly problem: StoredProblem },
  ): Promise<boolean>;
  /** Gives a pending or valid authorization up; its order becomes invalid unless it is finished. */
  giveUp(id: string): Promise<boolean>;
}
