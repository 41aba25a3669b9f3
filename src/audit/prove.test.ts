import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Json } from '../kernel/canonical-json.ts';
import { isFault, linesOf, makeLog, openLog, signer, signerOf, temporaryFolder } from './log.fixture.ts';
import { proveEntry, readProof, verifyProof } from './prove.ts';

const publicKey = signer.publicKey;

test('S4 every entry that a checkpoint covers is proven with the public key alone', async () => {
  await using folder = await temporaryFolder();
  await makeLog(folder.path);
  for (const [index, line] of (await linesOf(folder.path)).entries()) {
    const stored = JSON.stringify(await proveEntry(folder.path, index));
    const { entry, checkpoint } = verifyProof(readProof(JSON.parse(stored) as Json), publicKey);
    assert.deepEqual([entry, checkpoint.size], [JSON.parse(line), 14]);
  }
});

test('S4 a proof with anything changed, or for another key, proves nothing', async () => {
  await using folder = await temporaryFolder();
  await makeLog(folder.path);
  const proof = await proveEntry(folder.path, 6);
  const other = await proveEntry(folder.path, 7);
  verifyProof(proof, publicKey);
  const forged = [
    { ...proof, index: 7 },
    { ...proof, entry: other.entry },
    { ...proof, entry: proof.entry.replace('agent-', 'agent_') },
    { ...proof, path: other.path },
    { ...proof, path: proof.path.slice(1) },
    { ...proof, path: ['AAAA', ...proof.path] },
    { ...proof, checkpoint: proof.checkpoint.replace('\n14\n', '\n15\n') },
    { ...other, index: 6 },
  ];
  for (const [at, forgery] of forged.entries()) {
    assert.throws(() => verifyProof(forgery, publicKey), isFault('audit_broken'), String(at));
  }
  const stranger = signerOf('example.internal/gateway', 9).publicKey;
  assert.throws(() => verifyProof(proof, stranger), isFault('audit_broken'));
});

test('S4 an entry that no checkpoint covers is not proven', async () => {
  await using folder = await temporaryFolder();
  await makeLog(folder.path);
  await assert.rejects(proveEntry(folder.path, 14), isFault('not_found'));
  await assert.rejects(proveEntry(folder.path, -1), isFault('not_found'));
  await using empty = await temporaryFolder();
  await using log = await openLog(empty.path);
  assert.equal(log.health().writable, true);
  await assert.rejects(proveEntry(empty.path, 0), isFault('not_found'));
});

test('S4 no proof is made from a log that does not give its signed root', async () => {
  await using folder = await temporaryFolder();
  await makeLog(folder.path);
  const path = join(folder.path, 'log-00000000000000000005.jsonl');
  const text = await readFile(path, 'utf8');
  await writeFile(path, text.replace('"at":1', '"at":9'));
  await assert.rejects(proveEntry(folder.path, 2), isFault('audit_broken'));
  await writeFile(path, text.slice(0, text.indexOf('\n') + 1));
  await assert.rejects(proveEntry(folder.path, 2), isFault('audit_broken'));
});

test('S4 a file that is no proof is refused', () => {
  const whole = { index: 1, entry: '', checkpoint: '', path: [] };
  const wrong: readonly Json[] = [
    null,
    [],
    {},
    { ...whole, index: '1' },
    { ...whole, index: 1.5 },
    { ...whole, entry: null },
    { ...whole, checkpoint: 1 },
    { ...whole, path: 'AA==' },
    { ...whole, path: [1] },
  ];
  for (const value of wrong) assert.throws(() => readProof(value), isFault('invalid_input'));
  assert.deepEqual(readProof(whole), whole);
});
