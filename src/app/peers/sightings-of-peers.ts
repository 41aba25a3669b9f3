import type { Roll, RollEntry } from './roll.ts';

/**
 * Which authorities were seen to be alive, by the monotonic clock of this process alone: the clocks of the machines need not
 * agree. One that is new here counts as alive until it has been silent for as long as any other.
 */
export class SightingsOfPeers {
  private readonly silence: number;
  private readonly seen = new Map<string, { readonly mark: string; readonly at: number }>();

  /** `silence`: after how long without a sign of life an authority is taken for dead, in milliseconds. */
  constructor(silence: number) {
    this.silence = silence;
  }

  /** `now` is a monotonic time of when the roll was asked for at the latest. */
  look({ peers }: Roll, now: number): void {
    for (const [id, entry] of Object.entries(peers)) {
      const mark = markOf(entry);
      if (this.seen.get(id)?.mark !== mark) this.seen.set(id, { mark, at: now });
    }
    for (const id of this.seen.keys()) if (!(id in peers)) this.seen.delete(id);
  }

  isAlive(id: string, now: number): boolean {
    const last = this.seen.get(id);
    return last !== undefined && now - last.at < this.silence;
  }

  /** For how long it has been silent, in milliseconds. */
  silentFor(id: string, now: number): number {
    return now - (this.seen.get(id)?.at ?? now);
  }
}

function markOf({ life, beat }: RollEntry): string {
  return `${life} ${beat}`;
}
