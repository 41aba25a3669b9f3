import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sha256, toHex } from '../kernel/bytes.ts';
import {
  consistencyRanges,
  Frontier,
  nodeHash,
  siblingRanges,
  verifyConsistency,
  verifyInclusion,
} from './merkle.ts';

const leaves = Array.from({ length: 70 }, (_, at) => sha256(`leaf ${at}`));

test('S4 the root of a tree is the one of RFC 6962 §2.1, for every size up to 70', () => {
  for (let size = 0; size <= 70; size++) {
    const tree = leaves.slice(0, size);
    assert.deepEqual(frontierOver(tree).root(), recursiveRoot(tree), `size ${size}`);
  }
});

test('S4 the root of an empty tree is the hash of nothing', () => {
  assert.equal(
    toHex(new Frontier().root()),
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  );
});

test('S4 a frontier goes on from its own hashes as if it had not been interrupted', () => {
  for (let size = 0; size < 70; size++) {
    const resumed = new Frontier(frontierOver(leaves.slice(0, size)).hashes(), size);
    for (const leaf of leaves.slice(size)) resumed.append(leaf);
    assert.deepEqual(resumed.root(), recursiveRoot(leaves), `size ${size}`);
  }
  assert.throws(() => new Frontier(leaves.slice(0, 2), 4), TypeError);
});

test('S4 every leaf of every tree has an audit path that leads to the root, and to no other', () => {
  for (let size = 1; size <= 70; size++) {
    const tree = leaves.slice(0, size);
    const root = recursiveRoot(tree);
    for (const [index, leaf] of tree.entries()) {
      const proof = { index, size, path: pathOf(index, tree) };
      assert.ok(verifyInclusion(proof, leaf, root), `${index} of ${size}`);
      assert.ok(!verifyInclusion(proof, sha256('another'), root));
      assert.ok(!verifyInclusion(proof, leaf, sha256('another')));
    }
  }
});

test('S4 an audit path with anything changed proves nothing', () => {
  const someProof = fc
    .integer({ min: 2, max: 70 })
    .chain((size) =>
      fc.record({ size: fc.constant(size), index: fc.nat(size - 1), other: fc.nat(69), at: fc.nat() }),
    );
  fc.assert(
    fc.property(someProof, ({ size, index, other, at }) => {
      const tree = leaves.slice(0, size);
      const root = recursiveRoot(tree);
      const path = pathOf(index, tree);
      const leaf = leaves[index] ?? new Uint8Array();
      if (other !== index) assert.ok(!verifyInclusion({ index: other, size, path }, leaf, root));
      assert.ok(!verifyInclusion({ index, size, path: path.slice(1) }, leaf, root));
      assert.ok(!verifyInclusion({ index, size, path: [...path, leaf] }, leaf, root));
      const changed = path.map((hash, place) => (place === at % path.length ? sha256(hash) : hash));
      assert.ok(!verifyInclusion({ index, size, path: changed }, leaf, root));
    }),
  );
});

test('I9 a tree goes on from each smaller one with the proof of RFC 6962 §2.1.2, and from no other tree', () => {
  for (let size = 0; size <= 40; size++) {
    const larger = { size, root: recursiveRoot(leaves.slice(0, size)) };
    for (let before = 0; before <= size; before++) {
      const smaller = { size: before, root: recursiveRoot(leaves.slice(0, before)) };
      const path = consistencyOf(before, size);
      assert.ok(verifyConsistency(smaller, larger, path), `${before} of ${size}`);
      const other = { size: before, root: sha256('another') };
      assert.ok(!verifyConsistency(other, larger, path), `another tree of ${before}`);
      assert.ok(!verifyConsistency(smaller, larger, [...path, sha256('more')]));
      if (before < size) assert.ok(!verifyConsistency(larger, smaller, path), 'a tree does not shrink');
      if (before === 0) continue;
      assert.ok(!verifyConsistency(smaller, { size, root: sha256('another') }, path));
      for (const at of path.keys()) {
        assert.ok(!verifyConsistency(smaller, larger, path.toSpliced(at, 1)), 'one hash less');
        assert.ok(!verifyConsistency(smaller, larger, path.with(at, sha256('another'))), 'another hash');
      }
    }
  }
});

test('I9 roots of complete subtrees stand in for their leaves', () => {
  const tree = new Frontier();
  for (let at = 0; at < 64; at += 16) tree.append(recursiveRoot(leaves.slice(at, at + 16)), 16);
  for (const leaf of leaves.slice(64)) tree.append(leaf);
  assert.deepEqual(tree.root(), recursiveRoot(leaves));
});

function consistencyOf(before: number, size: number): readonly Uint8Array[] {
  if (before === 0) return [];
  return consistencyRanges(before, size).map(({ from, to }) => recursiveRoot(leaves.slice(from, to)));
}

function frontierOver(tree: readonly Uint8Array[]): Frontier {
  const frontier = new Frontier();
  for (const leaf of tree) frontier.append(leaf);
  return frontier;
}

function pathOf(index: number, tree: readonly Uint8Array[]): readonly Uint8Array[] {
  return siblingRanges(index, tree.length).map(({ from, to }) => recursiveRoot(tree.slice(from, to)));
}

/** MTH of RFC 6962 §2.1, word for word. */
function recursiveRoot(tree: readonly Uint8Array[]): Uint8Array {
  const [only] = tree;
  if (!only) return sha256(new Uint8Array(0));
  if (tree.length === 1) return only;
  let k = 1;
  while (k * 2 < tree.length) k *= 2;
  return nodeHash(recursiveRoot(tree.slice(0, k)), recursiveRoot(tree.slice(k)));
}
