/**
 * What an authority has begun and not ended for so long that it must have died over it. Told by how long this process has
 * seen it so: the clocks of the machines need not agree.
 */
export class LeftBehind {
  private readonly patience: number;
  private readonly since = new Map<string, number>();

  /** `patience` in milliseconds. */
  constructor(patience: number) {
    this.patience = patience;
  }

  /** Of what is unfinished now, at a monotonic time, that which is left behind. */
  among(unfinished: readonly string[], now: number): ReadonlySet<string> {
    const there = new Set(unfinished);
    for (const id of this.since.keys()) if (!there.has(id)) this.since.delete(id);
    for (const id of there) if (!this.since.has(id)) this.since.set(id, now);
    return new Set(unfinished.filter((id) => now - (this.since.get(id) ?? now) >= this.patience));
  }
}
