import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { checkpointSigner, writeCheckpoint } from '../../audit/checkpoint.ts';
import { isFault, temporaryFolder } from '../../audit/log.fixture.ts';
import { leafHash } from '../../audit/entry.ts';
import { consistencyRanges, Frontier } from '../../audit/merkle.ts';
import { toBase64 } from '../../kernel/bytes.ts';
import { systemClock } from '../../kernel/clock.ts';
import { memoryMeta } from '../store/memory-meta.ts';
import { openLogWitness } from './log-witness.ts';

const { privateKey: auditKey } = generateKeyPairSync('ed25519');
const { privateKey: logKey, publicKey } = generateKeyPairSync('ed25519');
const origin = 'example.internal/gateway/edge';
const pem = publicKey.export({ type: 'spki', format: 'pem' });
const signer = checkpointSigner(origin, createPrivateKey(logKey.export({ type: 'pkcs8', format: 'pem' })));
const leaves = Array.from({ length: 20 }, (_, at) => leafHash(`entry ${at}`));

function rootOf(from: number, to: number): Uint8Array {
  const tree = new Frontier();
  for (const leaf of leaves.slice(from, to)) tree.append(leaf);
  return tree.root();
}

function request(old: number, size: number): string {
  const proof = old === 0 ? [] : consistencyRanges(old, size).map(({ from, to }) => rootOf(from, to));
  const note = writeCheckpoint({ origin, size, root: rootOf(0, size) }, signer);
  return `old ${old}\n${proof.map((hash) => `${toBase64(hash)}\n`).join('')}\n${note}`;
}

test('S4 authorities that share a store are one witness: what one has signed is what the other goes on from', async () => {
  await using folder = await temporaryFolder();
  const facts = new Map<string, string>();
  const open = () =>
    openLogWitness({
      folder: folder.path,
      meta: memoryMeta(facts),
      trustDomain: 'example.internal',
      auditKey,
      clock: systemClock,
    });
  const [one, other] = [await open(), await open()];
  assert.equal(one.vkey, other.vkey);
  assert.equal((await one.addCheckpoint('edge', request(0, 5))).status, 404);
  await one.introduce('edge', origin, pem);
  await other.introduce('edge', origin, pem);
  const another = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' });
  await assert.rejects(other.introduce('edge', origin, another), isFault('conflict'));
  await assert.rejects(other.introduce('thief', origin, pem), isFault('denied'));
  assert.equal((await one.addCheckpoint('edge', request(0, 5))).status, 200);
  const behind = await other.addCheckpoint('edge', request(0, 9));
  assert.deepEqual([behind.status, behind.body], [409, '5\n']);
  await assert.rejects(other.addCheckpoint('thief', request(5, 9)), isFault('denied'));

  // Both at once, from the same size: one is signed.
  const both = await Promise.all([
    one.addCheckpoint('edge', request(5, 9)),
    other.addCheckpoint('edge', request(5, 12)),
  ]);
  assert.deepEqual(new Set(both.map(({ status }) => status)), new Set([200, 409]));

  const [name = ''] = [...facts.keys()].filter((fact) => fact.startsWith('witness-head-'));
  facts.set(name, '{');
  await assert.rejects(one.addCheckpoint('edge', request(12, 15)), isFault('state_damaged'));
});
