/** What the registry knows of a person, whichever way they prove who they are. Agents name their owner by the same text. */
export interface Person {
  readonly person: string;
  /** As pages call them; null when nobody said. */
  readonly displayName: string | null;
  /** Groups that administrators put them in; those that a provider tells are in their login. */
  readonly groups: readonly string[];
  /** Nothing that a disabled person proves counts. */
  readonly state: 'active' | 'disabled';
  /** Epoch milliseconds; null for somebody who only logged in at a provider, or was only revoked. */
  readonly addedAt: number | null;
  /** What was proved until this counts for nothing, in epoch milliseconds; null when the person was never revoked. */
  readonly revokedAt: number | null;
}
