import { compilePolicies } from '../src/policy/compile-policies.ts';
import { policyWorlds } from './policy-worlds.ts';
import { timed } from './timed.ts';

/** Decisions among so many policies, as lines of Markdown: by policies that name a role and a tool, and by ones that do not. */
export function decisionTable(counts: readonly number[]): readonly string[] {
  const rows: string[] = [];
  for (const world of policyWorlds) {
    for (const count of counts) {
      const set = compilePolicies([{ name: 'bench.cedar', text: world.policies(count) }]);
      const questions = Array.from({ length: 16 }, (_, at) => world.call(at, count));
      const decisions = world.name === 'scoped' ? 100_000 : Math.round(2_000_000 / count);
      const { perSecond, p50, p99 } = timed(decisions, (at) => {
        const question = questions[Math.abs(at) % questions.length];
        return question && set.decide(question);
      });
      rows.push(
        `| ${world.name} | ${count} | ${perSecond.toFixed(0)} | ${p50.toFixed(1)} | ${p99.toFixed(1)} |`,
      );
    }
  }
  return ['| policies are | how many | decisions/s | p50 µs | p99 µs |', '|---|--:|--:|--:|--:|', ...rows];
}
