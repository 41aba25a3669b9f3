import { equalBytes, sha256 } from '../kernel/bytes.ts';

/** Merkle tree hashing of RFC 6962 §2.1 (RFC 9162 §2.1 is the same). */

export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  const node = Buffer.allocUnsafe(1 + left.length + right.length);
  node[0] = 1;
  node.set(left, 1);
  node.set(right, 1 + left.length);
  return sha256(node);
}

/** The roots of the complete subtrees of a growing tree, largest first: all that is needed to append and to get the root. */
export class Frontier {
  private peaks: { readonly hash: Uint8Array; readonly size: number }[] = [];

  constructor(hashes: readonly Uint8Array[] = [], size = 0) {
    let left = size;
    for (const hash of hashes) {
      if (left < 1) throw new TypeError('the frontier does not fit its size');
      const peak = 2 ** Math.floor(Math.log2(left));
      this.peaks.push({ hash, size: peak });
      left -= peak;
    }
    if (left !== 0) throw new TypeError('the frontier does not fit its size');
  }

  /** Appends a leaf, or the root of a complete subtree where the tree so far is a multiple of its size. */
  append(hash: Uint8Array, size = 1): void {
    let peak = { hash, size };
    for (let last = this.peaks.at(-1); last?.size === peak.size; last = this.peaks.at(-1)) {
      this.peaks.pop();
      peak = { hash: nodeHash(last.hash, peak.hash), size: last.size * 2 };
    }
    this.peaks.push(peak);
  }

  hashes(): readonly Uint8Array[] {
    return this.peaks.map((peak) => peak.hash);
  }

  copy(): Frontier {
    const copy = new Frontier();
    copy.peaks = [...this.peaks];
    return copy;
  }

  root(): Uint8Array {
    const [last, ...rest] = this.peaks.map((peak) => peak.hash).reverse();
    if (!last) return sha256(new Uint8Array(0));
    return rest.reduce((right, left) => nodeHash(left, right), last);
  }
}

/** A half-open range of leaf indexes. */
export interface LeafRange {
  readonly from: number;
  readonly to: number;
}

/** The subtrees whose roots are the audit path of a leaf, from the leaf up (RFC 6962 §2.1.1). */
export function siblingRanges(index: number, size: number): readonly LeafRange[] {
  const ranges: LeafRange[] = [];
  let [from, to] = [0, size];
  while (to - from > 1) {
    const middle = from + splitPoint(to - from);
    if (index < middle) {
      ranges.unshift({ from: middle, to });
      to = middle;
    } else {
      ranges.unshift({ from, to: middle });
      from = middle;
    }
  }
  return ranges;
}

/** Whether a leaf is at an index of the tree with this size and root (RFC 9162 §2.1.3.2). */
export function verifyInclusion(
  proof: { readonly index: number; readonly size: number; readonly path: readonly Uint8Array[] },
  leaf: Uint8Array,
  root: Uint8Array,
): boolean {
  if (proof.index >= proof.size) return false;
  let node = proof.index;
  let last = proof.size - 1;
  let hash = leaf;
  for (const sibling of proof.path) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      hash = nodeHash(sibling, hash);
      while (node % 2 === 0 && node !== 0) {
        node = Math.floor(node / 2);
        last = Math.floor(last / 2);
      }
    } else {
      hash = nodeHash(hash, sibling);
    }
    node = Math.floor(node / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && equalBytes(hash, root);
}

/**
 * The subtrees whose roots show that a tree goes on from a smaller one, which is not empty (RFC 6962 §2.1.2): in the
 * order of the proof.
 */
export function consistencyRanges(smaller: number, size: number): readonly LeafRange[] {
  const ranges: LeafRange[] = [];
  let [from, to] = [0, size];
  while (smaller < to) {
    const middle = from + splitPoint(to - from);
    if (smaller <= middle) {
      ranges.unshift({ from: middle, to });
      to = middle;
    } else {
      ranges.unshift({ from, to: middle });
      from = middle;
    }
  }
  // From the first leaf on it is the smaller tree itself, whose root the verifier has.
  return from === 0 ? ranges : [{ from, to }, ...ranges];
}

/** The state of a tree. */
export interface TreeHead {
  readonly size: number;
  readonly root: Uint8Array;
}

/** Whether a tree goes on from a smaller one, or is the same (RFC 9162 §2.1.4.2). */
export function verifyConsistency(smaller: TreeHead, larger: TreeHead, path: readonly Uint8Array[]): boolean {
  if (smaller.size > larger.size) return false;
  if (smaller.size === larger.size) return path.length === 0 && equalBytes(smaller.root, larger.root);
  // Every tree goes on from the empty one.
  if (smaller.size === 0) return path.length === 0 && equalBytes(smaller.root, new Frontier().root());
  const complete = 2 ** Math.floor(Math.log2(smaller.size)) === smaller.size;
  const whole = complete ? [smaller.root, ...path] : path;
  const [first, ...rest] = whole;
  if (!first) return false;
  let [node, last] = [smaller.size - 1, larger.size - 1];
  while (node % 2 === 1) [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  let [before, after] = [first, first];
  for (const hash of rest) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      [before, after] = [nodeHash(hash, before), nodeHash(hash, after)];
      while (node % 2 === 0 && node !== 0) [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
    } else {
      after = nodeHash(after, hash);
    }
    [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  }
  return last === 0 && equalBytes(before, smaller.root) && equalBytes(after, larger.root);
}

/** The largest power of two smaller than the count. */
function splitPoint(count: number): number {
  return 2 ** Math.floor(Math.log2(count - 1));
}
