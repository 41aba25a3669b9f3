import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite } from 'node:test';
import { openFlowJournal } from '../../src/gateway/flow/flow-journal.ts';
import type { FlowMemory } from '../../src/gateway/flow/flow-memory.ts';
import { memoryFlow } from '../../src/gateway/flow/memory-flow.ts';
import { memoryLimitStore } from '../../src/gateway/memory-limits.ts';
import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import { memoryNonces } from '../../src/oauth/signed-call/memory-nonces.ts';
import { redisFlow } from '../../src/redis/redis-flow.ts';
import { redisLimits } from '../../src/redis/redis-limits.ts';
import { RedisLink } from '../../src/redis/redis-link.ts';
import { redisNonces } from '../../src/redis/redis-nonces.ts';
import { redisPlace } from '../../src/redis/redis-place.ts';
import { sharedScripts } from '../../src/redis/shared-scripts.ts';
import { type RedisServer, skip, startRedis } from '../interop/redis-server.ts';
import { flowMemoryContract } from './flow-memory.contract.ts';
import { limitStoreContract } from './limit-store.contract.ts';
import { usedNoncesContract } from './used-nonces.contract.ts';

suite('a real Redis', { skip }, () => {
  let redis: RedisServer;
  before(async () => {
    redis = await startRedis();
  });
  after(() => redis[Symbol.asyncDispose]());

  let domains = 0;
  /** A link with keys of its own; limits and flows see the time that is given. */
  const withLink = async (time: Clock, use: (link: RedisLink) => Promise<void>): Promise<void> => {
    const domain = `domain-${domains++}.internal`;
    await redis.settle(domain);
    await using link = await RedisLink.open({
      place: redisPlace(redis.url),
      credentials: () =>
        Promise.resolve({ username: null, password: null, authorities: null, certificate: null }),
      clock: systemClock,
      waitMilliseconds: 20_000,
      domain,
      scripts: sharedScripts,
      onChange: () => undefined,
      time: () => time.now(),
    });
    await use(link);
  };

  limitStoreContract('redis', (clock, use) =>
    withLink(clock, async (link) => {
      using store = redisLimits(link, memoryLimitStore(clock), 'refuse');
      await use(store);
    }),
  );

  limitStoreContract('redis, each call at another gateway', (clock, use) =>
    withLink(clock, async (link) => {
      const here = redisLimits(link, memoryLimitStore(clock), 'refuse');
      const there = redisLimits(link, memoryLimitStore(clock), 'refuse');
      let calls = 0;
      await use({ take: (claims) => (calls++ % 2 ? there : here).take(claims) });
    }),
  );

  usedNoncesContract('redis', (clock, use) =>
    withLink(clock, (link) => use(redisNonces(link, 'call', clock, memoryNonces(clock)))),
  );

  usedNoncesContract('redis, each call at another gateway', (clock, use) =>
    withLink(clock, async (link) => {
      const here = redisNonces(link, 'call', clock, memoryNonces(clock));
      const there = redisNonces(link, 'call', clock, memoryNonces(clock));
      let calls = 0;
      await use({ take: (...words) => (calls++ % 2 ? there : here).take(...words) });
    }),
  );

  flowMemoryContract('redis', (clock, use) =>
    withLink(clock, (link) => use(redisFlow(link, memoryFlow(clock), 'refuse'))),
  );

  flowMemoryContract('redis, used at one gateway and asked at another', (clock, use) =>
    withLink(clock, async (link) => {
      const folder = await mkdtemp(join(tmpdir(), 'countersign-flow-'));
      try {
        await using journal = await openFlowJournal(join(folder, 'flows.jsonl'), clock);
        const here = redisFlow(link, journal, 'refuse');
        const there = redisFlow(link, memoryFlow(clock), 'refuse');
        const both: FlowMemory = {
          recall: (party, how) => there.recall(party, how),
          remember: (party, labels, use_) => here.remember(party, labels, use_),
          // Every gateway hears of an order.
          forget: async (order) => {
            await here.forget(order);
            await there.forget(order);
          },
          list: (how) => here.list(how),
        };
        await use(both);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    }),
  );
});
