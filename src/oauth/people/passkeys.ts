/** A passkey (WebAuthn credential) of a person. Times in epoch milliseconds. */
export interface Passkey {
  /** The credential id, base64url. */
  readonly id: string;
  readonly person: string;
  /** The host that it is for (WebAuthn Level 3 §5.4.2, `rp.id`). */
  readonly host: string;
  /** COSE_Key. */
  readonly publicKey: Uint8Array;
  /** How often it was used as far as it tells; 0 for those that do not count. */
  readonly counter: number;
  readonly transports: readonly string[];
  /** Whether it may be copied to other machines of the person (§6.1.3, backup eligibility). */
  readonly mayBeCopied: boolean;
  readonly isCopied: boolean;
  readonly createdAt: number;
  readonly lastUsedAt: number | null;
}

/** Port: passkeys. They come into being with an invitation: see `Invitations`. */
export interface Passkeys {
  find(id: string): Promise<Passkey | null>;
  /** In the order in which they were enrolled. */
  list(person: string): Promise<readonly Passkey[]>;
  /** Notes a use. False when the passkey is gone, or was used with that counter or a higher one meanwhile. */
  used(id: string, use: PasskeyUse): Promise<boolean>;
  remove(id: string): Promise<Passkey | null>;
}

export interface PasskeyUse extends Pick<Passkey, 'counter' | 'isCopied'> {
  readonly at: number;
}
