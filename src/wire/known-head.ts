/** The longest head that is kept, in octets: what most peers send, and little for each of many connections. */
const longestKept = 2_048;

/**
 * The head that came last on a connection and what stands in it. A peer mostly sends the same head again, and the same
 * octets say the same: they are compared whole and not read anew.
 */
export class KnownHead<Said extends object> {
  private octets: Buffer | null = null;
  private said: Said | null = null;

  /** How many octets it has; 0 when none is kept. */
  get size(): number {
    return this.octets?.length ?? 0;
  }

  /** What stands in the head with which `input` begins, when that is the one that came last. */
  at(input: Buffer): Said | null {
    const { octets } = this;
    if (octets === null || input.length < octets.length) return null;
    // The empty line is part of the octets: no longer head begins with them.
    return octets.equals(input.subarray(0, octets.length)) ? this.said : null;
  }

  /** `head` is one whole head, its empty line included. */
  keep(head: Uint8Array, said: Said): void {
    if (head.length > longestKept) return;
    // A copy: what came is part of a larger piece of memory.
    this.octets = Buffer.allocUnsafeSlow(head.length);
    this.octets.set(head);
    this.said = said;
  }
}
