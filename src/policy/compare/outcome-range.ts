import type { Rule } from '../rule.ts';
import { verdictOf } from '../verdicts.ts';
import { can } from './formula.ts';

/** What a set of policies may come to, from the least to the most that it allows: 0 denied, 1 asked, 2 permitted. */
export interface OutcomeRange {
  readonly least: number;
  readonly most: number;
  /** Whether it may be asked about. */
  readonly asked: boolean;
}

export const rank = { deny: 0, ask: 1, permit: 2 } as const;

/** The outcomes that are possible when each rule can come to what is said of it. */
export function outcomeRange(
  verdicts: Iterable<{ readonly rule: Rule; readonly can: number }>,
): OutcomeRange {
  let [mustDeny, mayDeny, mustAsk, mayAsk, mustPermit, mayPermit] = [
    false,
    false,
    false,
    false,
    false,
    false,
  ];
  for (const { rule, can: outcomes } of verdicts) {
    const must = outcomes === can.hold;
    const may = (outcomes & can.hold) !== 0;
    if (outcomes & can.fail) mayDeny = true;
    if (outcomes === can.fail) mustDeny = true;
    switch (verdictOf(rule)) {
      case 'permits':
        mustPermit ||= must;
        mayPermit ||= may;
        break;
      case 'forbids':
        mustDeny ||= must;
        mayDeny ||= may;
        break;
      default:
        mustAsk ||= must;
        mayAsk ||= may;
    }
  }
  if (mustDeny || !mayPermit) return { least: rank.deny, most: rank.deny, asked: false };
  const most = mustAsk ? rank.ask : rank.permit;
  if (mayDeny || !mustPermit) return { least: rank.deny, most, asked: mayAsk };
  return { least: mayAsk ? rank.ask : rank.permit, most, asked: mayAsk };
}
