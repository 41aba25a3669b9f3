/** Port: keys that get no certificate any more. Every promise resolves only when the change is durable. */
export interface BlockedKeys {
  /** `keyHash` is base64url SHA-256 of the SubjectPublicKeyInfo. False if it was blocked already. */
  block(keyHash: string, reason: string, at: number): Promise<boolean>;
  isBlocked(keyHash: string): Promise<boolean>;
}

/** Blocked keys that live as long as the process. */
export function memoryBlockedKeys(): BlockedKeys {
  const blocked = new Set<string>();
  return {
    async block(keyHash) {
      if (blocked.has(keyHash)) return false;
      blocked.add(keyHash);
      return true;
    },
    async isBlocked(keyHash) {
      return blocked.has(keyHash);
    },
  };
}
