import { covers } from '../../gateway/limit-claims.ts';
import { budgetWindows, type LimitRule, type LimitRules } from '../../gateway/limit-rule.ts';
import type { Question } from '../../policy/question.ts';

/** Whose calls a limit counts together. */
export function perText({ per }: LimitRule): string {
  return per.length === 0 ? 'everybody' : per.join(' and ');
}

/** What a limit lets through, in words. */
export function allowsText({ rate, concurrent, budget }: LimitRule): string {
  const parts: string[] = [];
  if (rate) parts.push(`${rate.calls} calls in ${rate.milliseconds / 1_000} s, ${rate.burst} at once`);
  if (concurrent !== null) parts.push(`${concurrent} open`);
  for (const window of Object.keys(budgetWindows) as (keyof typeof budgetWindows)[]) {
    const { calls = null, octets = null } = budget[window] ?? {};
    if (calls !== null) parts.push(`${calls} calls each ${window}`);
    if (octets !== null) parts.push(`${octets} octets each ${window}`);
  }
  return parts.join('; ');
}

/** One line about a limit that a call counts in. */
export function limitText(rule: LimitRule): string {
  return `  limit "${rule.name}" counts it, per ${perText(rule)}: ${allowsText(rule)}.`;
}

/** The limits that a request of policy's question counts in. */
export function limitsOf(rules: LimitRules, { agent, action, server, target }: Question): LimitRules {
  const tool = action === 'tools/call' && target.kind === 'tool' ? target.name : null;
  const caller = { agent: { name: agent.name, roles: [...agent.roles] }, person: agent.owner };
  return rules.filter((rule) => covers(rule, caller, { server, tool }));
}
