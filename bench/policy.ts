import { cedarReference } from '../src/policy/cedar-reference.fixture.ts';
import { compilePoliciesInTurns, type PolicySet } from '../src/policy/compile-policies.ts';
import type { Question } from '../src/policy/question.ts';
import { type PolicyWorld, policyWorlds } from './policy-worlds.ts';
import { timed } from './timed.ts';

/**
 * Policy decisions per second and their p50 and p99, by Cedar's WASM alone and by ours, among 10, 1,000 and 10,000
 * policies of two kinds; what a list of 500 tools costs; what loading costs. `node bench/policy.ts [most policies]`.
 */
const [most = 10_000] = process.argv.slice(2).map(Number);

for (const world of policyWorlds) {
  for (const count of [10, 1_000, 10_000].filter((size) => size <= most)) await run(world, count);
}

async function run(world: PolicyWorld, count: number): Promise<void> {
  const text = world.policies(count);
  print(`\n${world.name}, ${count} policies`);
  const set = await load('loaded', text, null);
  await load('loaded again with one policy changed', text.replace('permit', '@id("new") permit'), set);
  const cedar = cedarReference(set.policies, set.version);
  const call = (at: number): Question => world.call(at % 16, count);
  check(set, cedar, call);
  measure('Cedar WASM, stateful, all policies of the action', 300, (at) => cedar.decide(call(at)));
  measure('ours: arguments decide, caller and tool seen before', 100_000, (at) => set.decide(call(at)));
  const fresh = (at: number): Question => ({
    ...call(at),
    agent: { ...call(at).agent, owner: `team-${at}` },
  });
  measure('ours: arguments decide, caller not seen before', 2_000, (at) => set.decide(fresh(at)));
  measure('ours: no arguments, remembered', 100_000, (at) => set.decide(world.look(at % 16)));
  // A list then evaluates every policy for each of its items: minutes, to say what the thousand say already.
  if (world.name === 'unscoped' && count > 1_000) return;
  const tools = Array.from({ length: 500 }, (_, tool) => world.item(tool, count));
  const renamed = (at: number) =>
    tools.map((tool) => ({ ...tool, agent: { ...tool.agent, owner: `team-${at}` } }));
  measure('ours: tools/list of 500 tools, caller seen before', 200, () =>
    tools.map((tool) => set.couldPermit(tool)),
  );
  measure('ours: tools/list of 500 tools, caller not seen before', 20, (at) =>
    renamed(at).map((tool) => set.couldPermit(tool)),
  );
}

/** Loads in turns, and says how long others had to wait for theirs. */
async function load(what: string, text: string, earlier: PolicySet | null): Promise<PolicySet> {
  const started = performance.now();
  let [turn, longest] = [started, 0];
  const watch = setInterval(() => {
    longest = Math.max(longest, performance.now() - turn);
    turn = performance.now();
  }, 0);
  const set = await compilePoliciesInTurns([{ name: 'bench.cedar', text }], earlier);
  longest = Math.max(longest, performance.now() - turn);
  clearInterval(watch);
  const all = performance.now() - started;
  print(
    `  ${what.padEnd(58)} ${all.toFixed(0)} ms; the longest wait for a turn was ${longest.toFixed(0)} ms`,
  );
  return set;
}

/** What is measured must decide as Cedar does, and both ways. */
function check(set: PolicySet, cedar: PolicySet, call: (at: number) => Question): void {
  const outcomes = new Set<string>();
  for (let at = 0; at < 16; at++) {
    const [ours, theirs] = [set.decide(call(at)), cedar.decide(call(at))];
    if (JSON.stringify(ours) !== JSON.stringify(theirs))
      throw new Error(`question ${at} is decided otherwise`);
    outcomes.add(ours.outcome);
  }
  if (outcomes.size !== 2) throw new Error('all questions of the benchmark have one answer');
}

function measure(what: string, count: number, act: (at: number) => unknown): void {
  const { perSecond, p50, p99 } = timed(count, act);
  const rate = Math.round(perSecond).toLocaleString('en').padStart(11);
  const shown = (microseconds: number): string => microseconds.toFixed(1).padStart(9);
  print(`  ${what.padEnd(58)} ${rate}/s   p50 ${shown(p50)} µs   p99 ${shown(p99)} µs`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
