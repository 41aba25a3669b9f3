/** An enrolment that came to a certificate, to be told again to who asks again (RFC 8894 §3.2.1.1). */
export interface ScepTransaction {
  /** base64url SHA-256 over the client's transaction identifier and the key that signed. */
  readonly hash: string;
  /** base64url SHA-256 of the SubjectPublicKeyInfo that the certificate is for. */
  readonly keyHash: string;
  readonly serial: string;
  /** When the transaction is forgotten, in epoch milliseconds. */
  readonly endsAt: number;
}

/** Port: the transactions of the SCEP door. */
export interface ScepTransactions {
  find(hash: string, now: number): Promise<ScepTransaction | null>;
  /** Notes a transaction, in the place of one with the same hash and of its message; what has ended at `now` is forgotten. */
  put(transaction: ScepTransaction, now: number): Promise<void>;
  /** Keeps the message of a transaction that waits, in the place of one with the same hash; the rest as `put`. */
  keep(waiting: WaitingMessage, now: number): Promise<void>;
  waiting(hash: string, now: number): Promise<WaitingMessage | null>;
}

/** A message that is looked at again when its client asks what came of it: as it came, so that what it seals stays sealed. */
export interface WaitingMessage {
  readonly hash: string;
  readonly octets: Uint8Array;
  /** When it is forgotten, in epoch milliseconds. */
  readonly endsAt: number;
}
