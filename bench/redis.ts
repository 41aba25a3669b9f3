import { aRule, callsOf, permitOf, standingOf } from '../src/gateway/caller.fixture.ts';
import { memoryFlow } from '../src/gateway/flow/memory-flow.ts';
import { limitOfEachAgent } from '../src/gateway/limit-rule.ts';
import type { LimitStore } from '../src/gateway/limit-store.ts';
import { createLimits } from '../src/gateway/limits.ts';
import { memoryLimitStore } from '../src/gateway/memory-limits.ts';
import { createTurns } from '../src/gateway/turns.ts';
import { systemClock } from '../src/kernel/clock.ts';
import { randomId } from '../src/kernel/random.ts';
import { memoryNonces } from '../src/oauth/signed-call/memory-nonces.ts';
import { redisFlow } from '../src/redis/redis-flow.ts';
import { redisLimits } from '../src/redis/redis-limits.ts';
import { RedisLink } from '../src/redis/redis-link.ts';
import { redisNonces } from '../src/redis/redis-nonces.ts';
import { redisPlace } from '../src/redis/redis-place.ts';
import { sharedScripts } from '../src/redis/shared-scripts.ts';
import { startRedis } from '../test/interop/redis-server.ts';

/** What a memory that gateways share costs a call, with a Redis on loopback: `npm run bench:redis`. */
const plenty = 1_000_000_000;
const each = limitOfEachAgent(plenty, plenty);
const rate = { calls: plenty, milliseconds: 1_000, burst: plenty };
const budget = { hour: { calls: plenty, octets: null }, day: { calls: plenty, octets: plenty } };
const rules = [
  each,
  aRule('person', ['person'], { rate, concurrent: plenty }),
  aRule('server', ['server'], { concurrent: plenty }),
  aRule('tool', ['agent', 'tool'], { budget }),
];
const standing = await standingOf('ci-bot');
const inbound = callsOf('echo');
const permit = permitOf(standing, 'files', inbound);

await using redis = await startRedis();
await redis.settle();
await using link = await RedisLink.open({
  place: redisPlace(redis.url),
  credentials: () =>
    Promise.resolve({ username: null, password: null, authorities: null, certificate: null }),
  clock: systemClock,
  waitMilliseconds: 60_000,
  domain: 'example.internal',
  scripts: sharedScripts,
  onChange: (why) => {
    if (why !== null) throw new Error(why);
  },
});

function callUnder(store: LimitStore, of: readonly (typeof rules)[number][]): () => Promise<void> {
  const limits = createLimits({
    rules: () => of,
    store,
    turns: createTurns({ clock: systemClock, nextRound: setImmediate }),
    onLost: () => undefined,
  });
  return async () => {
    const place = await limits.enter(standing);
    await place.countBatch(inbound);
    await place.claim(permit);
    await place.spend(300);
    place[Symbol.dispose]();
  };
}

const shared = redisLimits(link, memoryLimitStore(systemClock), 'refuse');
const local = memoryLimitStore(systemClock);
const nonces = redisNonces(
  link,
  'call',
  systemClock,
  memoryNonces(systemClock, { all: plenty, perKey: plenty }),
);
const ownNonces = memoryNonces(systemClock, { all: plenty, perKey: plenty });
const flow = redisFlow(link, memoryFlow(systemClock), 'refuse');
const ownFlow = memoryFlow(systemClock);
const party = { families: ['ci-bot'], person: 'alice' };
const how = { quiet: 3_600_000, longest: 86_400_000, working: true };
const use = { at: 0, agent: 'ci-bot', server: 'files', method: 'tools/call', target: 'read', exchange: 'e' };
const time = () => ({ from: systemClock.now() - 30_000, until: systemClock.now() + 60_000 });

const acts: Readonly<Record<string, readonly [here: () => unknown, there: () => unknown]>> = {
  'limits, the configuration alone': [callUnder(local, [each]), callUnder(shared, [each])],
  'limits, 3 rules besides': [callUnder(local, rules), callUnder(shared, rules)],
  'a signature, used once': [
    () => ownNonces.take('key', randomId(), time()),
    () => nonces.take('key', randomId(), time()),
  ],
  'what was used before, looked up': [() => ownFlow.recall(party, how), () => flow.recall(party, how)],
  'a use, remembered': [
    () => ownFlow.remember(party, ['private'], { ...use, at: systemClock.now() }),
    () => flow.remember(party, ['private'], { ...use, at: systemClock.now() }),
  ],
};

const rounds = 5_000;

/** Microseconds each took, one after the other. */
async function alone(act: () => unknown): Promise<{ readonly p50: number; readonly p99: number }> {
  for (let warm = 0; warm < rounds / 4; warm++) await act();
  const times = new Float64Array(rounds);
  for (let at = 0; at < rounds; at++) {
    const began = process.hrtime.bigint();
    await act();
    times[at] = Number(process.hrtime.bigint() - began) / 1_000;
  }
  times.sort();
  return { p50: times[rounds / 2] ?? 0, p99: times[Math.floor(rounds * 0.99)] ?? 0 };
}

/** How many in a second, 64 at a time. */
async function together(act: () => unknown): Promise<number> {
  let left = rounds * 4;
  const began = performance.now();
  const worker = async (): Promise<void> => {
    while (left-- > 0) await act();
  };
  await Promise.all(Array.from({ length: 64 }, worker));
  return (rounds * 4 * 1_000) / (performance.now() - began);
}

process.stdout.write(
  '## A shared memory\n\n| | in the process: p50 µs | Redis on loopback: p50 µs | p99 µs | 64 at a time, each second |\n|---|--:|--:|--:|--:|\n',
);
for (const [name, [here, there]] of Object.entries(acts)) {
  const near = await alone(here);
  const far = await alone(there);
  const cells = [
    near.p50.toFixed(1),
    far.p50.toFixed(0),
    far.p99.toFixed(0),
    (await together(there)).toFixed(0),
  ];
  process.stdout.write(`| ${name} | ${cells.join(' | ')} |\n`);
}
shared[Symbol.dispose]();
