import assert from 'node:assert/strict';
import { createHash, createPublicKey, verify } from 'node:crypto';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { rawInitialize } from '../../tour/raw-request.ts';
import { openTown } from './deployment.ts';
import { openLegacyServer } from './mcp-servers.ts';
import { run } from './program.ts';

// Nothing of ours reads the log here: what `docs/audit.md` says, and Node's own hashes and signatures, are enough.

const sha256 = (...parts: (Buffer | string)[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};
const leafOf = (line: string): Buffer => sha256(Buffer.from([0]), line);

/** RFC 6962 §2.1, as it is written there. */
function treeRoot(leaves: readonly Buffer[]): Buffer {
  const [only] = leaves;
  if (leaves.length <= 1) return only ?? sha256();
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return sha256(Buffer.from([1]), treeRoot(leaves.slice(0, split)), treeRoot(leaves.slice(split)));
}

/** RFC 9162 §2.1.3.2: the root that a leaf and its path lead to. */
function rootOf(leaf: Buffer, index: number, size: number, path: readonly Buffer[]): Buffer {
  let [at, last] = [index, size - 1];
  let hash = leaf;
  for (const sibling of path) {
    if (at % 2 === 1 || at === last) {
      hash = sha256(Buffer.from([1]), sibling, hash);
      while (at % 2 === 0 && at !== 0) [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
    } else {
      hash = sha256(Buffer.from([1]), hash, sibling);
    }
    [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  }
  assert.equal(last, 0);
  return hash;
}

/** A C2SP signed note with one Ed25519 signature. */
function readNote(note: string, pem: string): { origin: string; size: number; root: string } {
  const key = createPublicKey(pem);
  const [body = '', signatureLine = ''] = note.split('\n\n');
  const [, name = '', text = ''] = /^— (\S+) (\S+)\n$/.exec(signatureLine) ?? [];
  const blob = Buffer.from(text, 'base64');
  const raw = Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url');
  assert.deepEqual(blob.subarray(0, 4), sha256(`${name}\n`, Buffer.from([1]), raw).subarray(0, 4));
  assert.ok(verify(null, Buffer.from(`${body}\n`), key, blob.subarray(4)), 'the signature holds');
  const [origin = '', size = '', root = ''] = body.split('\n');
  return { origin, size: Number(size), root };
}

test('S4 a log is verified by hand from its documentation: links, Merkle root, signature, and the proof of one entry', async () => {
  await using old = await openLegacyServer();
  await using town = await openTown();
  await town.addHttpServer('old', old.url);
  await town.addAgent('ci-bot');
  await town.permit('permit (principal, action, resource);');
  const shown = await town.issue('ci-bot');
  for (let at = 0; at < 7; at++) assert.equal((await rawInitialize(town.endpoint('old'), shown)).status, 200);
  // A log that is closed has all its entries signed for.
  await town.deployment[Symbol.asyncDispose]();

  const folder = town.data.gatewayLog;
  const read = (name: string): Promise<string> => readFile(join(folder, name), 'utf8');
  const segments = (await readdir(folder)).filter((name) => name.endsWith('.jsonl')).sort();
  const lines = (await Promise.all(segments.map(read))).join('').split('\n').slice(0, -1);
  const origin = (await read('origin.txt')).trimEnd();
  let previous = sha256(`countersign audit log v1\n${origin}\n`);
  for (const [index, line] of lines.entries()) {
    const entry = JSON.parse(line) as { index: number; previous: string };
    assert.equal(entry.index, index);
    assert.equal(entry.previous, previous.toString('base64url'));
    previous = leafOf(line);
  }
  const note = await read('checkpoint');
  const pem = await read('public-key.pem');
  const checkpoint = readNote(note, pem);
  assert.deepEqual([checkpoint.origin, checkpoint.size], [origin, lines.length]);
  assert.equal(checkpoint.root, treeRoot(lines.map(leafOf)).toString('base64'));
  assert.throws(() => readNote(note.replace(`\n${checkpoint.size}\n`, `\n${checkpoint.size - 1}\n`), pem));

  const index = lines.findIndex((line) => line.includes('call.permitted'));
  const proven = await run(['audit', 'prove', folder, String(index), '--json']);
  assert.equal(proven.code, 0, proven.stderr);
  const proof = JSON.parse(proven.stdout) as { entry: string; checkpoint: string; path: string[] };
  assert.equal(proof.entry, lines[index]);
  const { size, root } = readNote(proof.checkpoint, pem);
  const path = proof.path.map((hash) => Buffer.from(hash, 'base64'));
  assert.equal(rootOf(leafOf(proof.entry), index, size, path).toString('base64'), root);
  assert.notEqual(rootOf(leafOf(`${proof.entry} `), index, size, path).toString('base64'), root);

  // And our own verification says the same, and names the entry that was changed.
  const verified = await run(['audit', 'verify', folder, '--json']);
  assert.equal(verified.code, 0, verified.stderr);
  const file = join(folder, segments[0] ?? '');
  await writeFile(file, (await readFile(file, 'utf8')).replace('"agent":"ci-bot"', '"agent":"ci-bat"'));
  const broken = await run(['audit', 'verify', folder, '--json']);
  assert.equal(broken.code, 6);
  assert.equal((JSON.parse(broken.stdout) as { firstBroken: { index: number } }).firstBroken.index, index);
});
