/** Counters in one command. */
const mostAtOnce = 500;

/** How many calls of this gateway are open, by counter. */
export class OpenCalls {
  readonly #counts = new Map<string, number>();

  add(counter: string, calls: number): void {
    this.#counts.set(counter, (this.#counts.get(counter) ?? 0) + calls);
  }

  remove(counter: string, calls: number): void {
    const left = (this.#counts.get(counter) ?? 0) - calls;
    if (left > 0) this.#counts.set(counter, left);
    else this.#counts.delete(counter);
  }

  /** All of them, so many at once as one command takes. */
  parts(): readonly (readonly (readonly [counter: string, calls: number])[])[] {
    const all = [...this.#counts];
    return Array.from({ length: Math.ceil(all.length / mostAtOnce) }, (_, at) =>
      all.slice(at * mostAtOnce, (at + 1) * mostAtOnce),
    );
  }
}
