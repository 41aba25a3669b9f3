import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deserialize, serialize } from 'node:v8';
import { createChannel } from '../../src/app/workers/channel.ts';
import { answerMemories, askedMemories, type Memories } from '../../src/app/workers/shared-memories.ts';
import { aRule } from '../../src/gateway/caller.fixture.ts';
import { memoryFlow } from '../../src/gateway/flow/memory-flow.ts';
import { memoryLimitStore } from '../../src/gateway/memory-limits.ts';
import { type Clock, steppedClock } from '../../src/kernel/clock.ts';
import { memoryReplays } from '../../src/oauth/resource/memory-replays.ts';
import { memoryNonces } from '../../src/oauth/signed-call/memory-nonces.ts';
import { flowMemoryContract } from './flow-memory.contract.ts';
import { isFault } from './is-fault.ts';
import { limitStoreContract } from './limit-store.contract.ts';
import { usedNoncesContract } from './used-nonces.contract.ts';

function ownMemories(clock: Clock): Memories {
  return {
    limits: memoryLimitStore(clock),
    nonces: memoryNonces(clock),
    acts: memoryNonces(clock),
    proofs: memoryReplays(clock),
    flow: memoryFlow(clock),
  };
}

/** A worker of one process, with what processes do to messages between them. */
function workerOf(memories: Memories): { readonly memories: Memories; die(): void } {
  const across = (messages: readonly object[]): unknown => deserialize(serialize(messages));
  const answering = answerMemories(memories);
  const parent = createChannel(
    (messages) => queueMicrotask(() => worker.receive(across(messages))),
    answering.answers,
  );
  const worker = createChannel((messages) => queueMicrotask(() => parent.receive(across(messages))), {});
  return {
    memories: askedMemories(worker),
    die() {
      answering.gone();
      worker.gone();
    },
  };
}

limitStoreContract('worker', (clock, use) => use(workerOf(ownMemories(clock)).memories.limits));
usedNoncesContract('worker', (clock, use) => use(workerOf(ownMemories(clock)).memories.nonces));
flowMemoryContract('worker', (clock, use) => use(workerOf(ownMemories(clock)).memories.flow));

test('T7 two workers have one limit, and what one held is given back when it dies', async () => {
  const own = ownMemories(steppedClock(0));
  const [one, two] = [workerOf(own), workerOf(own)];
  const claims = [{ rule: aRule('r', ['agent'], { concurrent: 1 }), key: 'a', agent: 'a', calls: 1 }];
  const first = await one.memories.limits.take(claims);
  assert.equal(first.shortage, null);
  const again = claims.map((claim) => ({ ...claim, rule: aRule('r', ['agent'], { concurrent: 1 }) }));
  const short = await two.memories.limits.take(again);
  assert.equal(short.shortage?.kind, 'concurrent');
  assert.equal(short.shortage?.rule, again[0]?.rule);
  one.die();
  assert.equal((await two.memories.limits.take(again)).shortage, null);
  await assert.rejects(async () => await one.memories.limits.take(claims), isFault('unavailable'));
});

test('O9 A6 what one worker took, another does not take, and what one remembers, another recalls', async () => {
  const own = ownMemories(steppedClock(1_000_000));
  const [one, two] = [workerOf(own).memories, workerOf(own).memories];
  const time = { from: 1_000_000, until: 2_000_000 };
  assert.equal(await one.nonces.take('key', 'n', time), true);
  assert.equal(await two.nonces.take('key', 'n', time), false);
  assert.equal(await two.acts.take('key', 'n', time), true);
  const proof = { agent: 'a', proof: 'p', from: 1_000_000, milliseconds: 60_000 };
  assert.equal(await one.proofs.take(proof), true);
  assert.equal(await two.proofs.take(proof), false);
  const party = { families: ['a'], person: null };
  const use = { at: 1_000_000, agent: 'a', server: 's', method: 'tools/call', target: 't', exchange: 'x' };
  await one.flow.remember(party, ['private'], use);
  const how = { quiet: 60_000, longest: 600_000, working: false };
  const recalled = await two.flow.recall(party, how);
  assert.deepEqual([recalled.labels, recalled.use('private')], [['private'], use]);
});
