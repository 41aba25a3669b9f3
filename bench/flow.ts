import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readFlows } from '../src/app/config/flows-file.ts';
import { authorize } from '../src/gateway/authorize.ts';
import { callsOf, standingOf } from '../src/gateway/caller.fixture.ts';
import { CallTrace } from '../src/gateway/flow/call-trace.ts';
import { createFlowGuard, type FlowGuard } from '../src/gateway/flow/flow-guard.ts';
import type { FlowRules } from '../src/gateway/flow/flow-rules.ts';
import { memoryFlow } from '../src/gateway/flow/memory-flow.ts';
import type { Standing } from '../src/identity/standing.ts';
import { steppedClock } from '../src/kernel/clock.ts';
import type { Inbound } from '../src/mcp/message.ts';
import type { Grant } from '../src/oauth/resource/grant.ts';
import { compilePolicies } from '../src/policy/compile-policies.ts';
import { SeededRandom } from '../test/differential/seeded-random.ts';
import { wilson } from '../test/range/wilson.ts';
import { benign, hostile, known, type Script, type Step } from './flow-tasks.ts';

/**
 * How often the flow rules to begin with stop what is harmless, and what is not: `npm run bench:flow [seed]`. Every step goes
 * through the parts of the gateway that decide it; there is no network and no model.
 */
const seed = Number(process.argv[2] ?? 1);
const example = (name: string): string =>
  readFileSync(join(import.meta.dirname, '../examples/flow-rules', name), 'utf8');
const rules = readFlows('flows.yaml', example('flows.yaml'));
const policies = compilePolicies([
  { name: 'all.cedar', text: '@id("all") permit (principal, action, resource);' },
  { name: 'flows.cedar', text: example('flows.cedar') },
]);
const own = await standingOf('bot');
const delegate = await standingOf('delegate');
const below = {
  caller: own.caller,
  agent: { ...own.agent, name: 'bot--below', parent: 'bot' },
} as unknown as Standing;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

interface World {
  readonly clock: ReturnType<typeof steppedClock>;
  readonly flow: FlowGuard;
}

function newWorld(now: FlowRules | null = rules): World {
  const clock = steppedClock(1_000_000_000_000);
  const agents = { trustDomain: own.caller.trustDomain, agent: () => null };
  return { clock, flow: createFlowGuard({ rules: () => now, memory: memoryFlow(clock), view: agents }) };
}

/** Whether each step went through without asking anybody. */
function play({ steps }: Script, world: World): readonly boolean[] {
  return steps.map((step) => {
    world.clock.advance((step.after ?? 0) * 60_000 + 1_000);
    const passed = take(step, world);
    return passed;
  });
}

function take(step: Step, { clock, flow }: World): boolean {
  const standing = step.agent === 'below' ? below : step.agent === 'delegate' ? delegate : own;
  const person = step.person === undefined ? 'alice' : step.person;
  const actors = step.agent === 'delegate' ? [`spiffe://${own.caller.trustDomain}/agent/bot`] : [];
  const grant =
    person === null
      ? null
      : ({ person, actors, client: null, scopes: [], binding: 'mtls', acr: null } as unknown as Grant);
  const inbound = bodyOf(step);
  const touched = flow.recall({ standing, grant }, inbound);
  if (touched instanceof Promise) throw new TypeError('this memory answers at once');
  try {
    const permit = authorize(policies, standing, inbound, {
      server: step.server,
      address: '127.0.0.1',
      grant,
      passports: null,
      time: clock.now(),
      labels: flow.labelsAt(step.server),
      touched,
    });
    void CallTrace.of(permit, 'e', { clock, flow })?.begin();
    return true;
  } catch {
    return false;
  }
}

function bodyOf({ action, name }: Step): Inbound {
  const called = callsOf(name);
  if (action === 'tools/call') return called;
  const target = action === 'response' ? { kind: 'server' } : { kind: 'resource', uri: name };
  const kind = action === 'response' ? 'response' : 'request';
  const message = { ...called.messages[0], kind, method: action === 'response' ? null : action, target };
  return { ...called, messages: [message] } as unknown as Inbound;
}

function rate(hits: number, of: number): string {
  const { low, high } = wilson(hits, of);
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  return `${hits} of ${of} (${percent(hits / of)}, 95 %: ${percent(low)} to ${percent(high)})`;
}

function byFamily(scripts: readonly Script[], stopped: (script: Script) => boolean): number {
  let all = 0;
  for (const family of new Set(scripts.map((script) => script.family))) {
    const members = scripts.filter((script) => script.family === family);
    const hits = members.filter(stopped).length;
    all += hits;
    say(`  ${String(hits).padStart(3)} of ${members.length}  ${family}`);
  }
  return all;
}

const tasks = benign(new SeededRandom(seed));
say(`Benign tasks in which a person is asked, each with nothing before it (seed ${seed}):`);
const asked = byFamily(tasks, (task) => play(task, newWorld()).includes(false));
say(`  ${rate(asked, tasks.length)}`);
const expected = /after reading files|as it was told/;
const harmless = tasks.filter(({ family }) => !expected.test(family));
const needless = harmless.filter((task) => play(task, newWorld()).includes(false)).length;
say(
  `  without those that carry outside what is private, or go outside after it: ${rate(needless, harmless.length)}`,
);

say('\nBenign tasks in which a person is asked, one after the other, by one agent for one person:');
for (const pause of [5, 30, 61]) {
  const world = newWorld();
  const shuffled = tasks.map((task) => ({
    task,
    at: new SeededRandom(seed + tasks.indexOf(task)).below(1_000_000),
  }));
  shuffled.sort((a, b) => a.at - b.at);
  const hits = shuffled.filter(({ task }) => {
    world.clock.advance(pause * 60_000);
    return play(task, world).includes(false);
  }).length;
  say(`  ${String(pause).padStart(3)} min between them: ${rate(hits, tasks.length)}`);
}

say('\nHostile tasks whose harm was stopped:');
const attacks = hostile(new SeededRandom(seed));
const stopped = byFamily(attacks, (task) => play(task, newWorld()).at(-1) === false);
say(`  ${rate(stopped, attacks.length)}`);
say('\nKnown not to be stopped:');
byFamily(known(new SeededRandom(seed)), (task) => play(task, newWorld()).at(-1) === false);

say('\nWhat it costs a call, in nanoseconds:');
for (const [name, of] of [
  ['no flows.yaml', null],
  ['labels, nothing touched', rules],
] as const) {
  say(`  ${name}: ${cost(newWorld(of), false)}`);
}
say(`  labels, touched before: ${cost(newWorld(), true)}`);

/** Looking up and noting, without policy: the best of five rounds. */
function cost({ clock, flow }: World, touched: boolean): string {
  const acting = { standing: own, grant: null };
  const inbound = callsOf('read_file');
  const use = {
    at: 0,
    agent: 'bot',
    server: 'files',
    method: 'tools/call',
    target: 'read_file',
    exchange: 'e',
  };
  if (touched) void flow.remember(acting, ['private', 'untrusted'], use);
  const rounds = 200_000;
  let best = Infinity;
  for (let round = 0; round < 5; round++) {
    const began = performance.now();
    for (let each = 0; each < rounds; each++) {
      flow.labelsAt('files');
      void flow.recall(acting, inbound);
      if (touched) void flow.remember(acting, ['private'], { ...use, at: clock.now() });
    }
    best = Math.min(best, (performance.now() - began) / rounds);
  }
  return `${Math.round(best * 1e6)}`;
}

if (stopped < attacks.length) process.exitCode = 1;
