import { aRule, callsOf, permitOf, standingOf } from '../src/gateway/caller.fixture.ts';
import { limitOfEachAgent, type LimitRules } from '../src/gateway/limit-rule.ts';
import { createLimits } from '../src/gateway/limits.ts';
import { createTurns } from '../src/gateway/turns.ts';
import { memoryLimitStore } from '../src/gateway/memory-limits.ts';
import { systemClock } from '../src/kernel/clock.ts';

/** What limits cost a request: `node bench/limits.ts`. */
const plenty = 1_000_000_000;
const each = limitOfEachAgent(plenty, plenty);
const budget = {
  hour: { calls: plenty, octets: null },
  day: { calls: plenty, octets: Number.MAX_SAFE_INTEGER },
};
const rate = { calls: plenty, milliseconds: 1_000, burst: plenty };
const sets: Readonly<Record<string, LimitRules>> = {
  'the configuration alone': [each],
  'with 3 rules (person, server, agent and tool)': [
    each,
    aRule('person', ['person'], { rate, concurrent: plenty }),
    aRule('server', ['server'], { concurrent: plenty }),
    aRule('tool', ['agent', 'tool'], { budget }),
  ],
  'with 64 rules, all of them counting': [
    each,
    ...Array.from({ length: 64 }, (_, at) =>
      aRule(`r${at}`, ['agent', 'tool'], { rate, concurrent: plenty, budget }),
    ),
  ],
};
const standing = await standingOf('ci-bot');
const inbound = callsOf('echo');
const permit = permitOf(standing, 'files', inbound);

for (const [name, rules] of Object.entries(sets)) {
  const limits = createLimits({
    rules: () => rules,
    store: memoryLimitStore(systemClock),
    turns: createTurns({ clock: systemClock, nextRound: setImmediate }),
    onLost: () => undefined,
  });
  const rounds = rules.length > 10 ? 20_000 : 500_000;
  const once = async (): Promise<void> => {
    const place = await limits.enter(standing);
    await place.countBatch(inbound);
    await place.claim(permit);
    await place.spend(300);
    place[Symbol.dispose]();
  };
  for (let warm = 0; warm < rounds / 5; warm++) await once();
  const began = process.cpuUsage();
  for (let round = 0; round < rounds; round++) await once();
  const { user, system } = process.cpuUsage(began);
  const micros = (user + system) / rounds;
  process.stdout.write(`${micros.toFixed(2).padStart(7)} µs of CPU a request: ${name}\n`);
}
