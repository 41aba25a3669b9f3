import { Fault } from '../kernel/fault.ts';
import { cedarRules } from './ask-cedar.ts';
import { cedarRequest } from './cedar-request.ts';
import { argumentValues } from './evaluate/argument-values.ts';
import type { CompiledRule } from './evaluate/compile-rule.ts';
import { FilledContext, type Frame } from './evaluate/frame.ts';
import { evaluateAll, type Slice } from './evaluate/slice.ts';
import { open, type Outcome } from './evaluate/value.ts';
import type { Decision, Question } from './question.ts';
import { unreadableDetail } from './refusal-text.ts';
import { type Memory, type RememberedSlice, rememberedSlices } from './remembered-slices.ts';
import { actions } from './schema.ts';
import {
  combined,
  copied,
  decisionOf,
  denial,
  isPossible,
  type RuleBook,
  type Verdicts,
} from './verdicts.ts';

/** Decides the questions about one action. */
export interface Judge {
  decide(question: Question): Decision;
  couldPermit(question: Question): boolean;
}

/** Prepares the rules that can apply to an action. */
export function judgeOfAction(
  action: string,
  rules: readonly CompiledRule[],
  book: RuleBook,
  memory: Memory,
): Judge {
  const reads = new Set(rules.flatMap((rule) => [...rule.reads]));
  const readsArguments = actions[action]?.arguments === true && reads.has('arguments');
  const cedar = cedarRules(rules.filter(({ holds }) => holds === null).map(({ rule }) => rule));
  const sliceFor = rememberedSlices(rules, reads, book, memory);
  // What policies do not look at is not read either: a strange time then harms nothing.
  const timeOf = ({ context }: Question): Outcome => (reads.has('time') ? wholeNumber(context.time) : open);

  return {
    decide(question) {
      try {
        const slice = sliceFor(question);
        const given = readsArguments ? argumentValues(question.context.arguments ?? {}) : open;
        if (slice.decision) return slice.decision;
        const { verdicts, left } = evaluate(slice, given, timeOf(question));
        if (left.length > 0) throw new TypeError('a rule was left open');
        if (slice.foreign.length === 0) return decisionIn(slice, verdicts, question, book);
        const more = cedar.verdicts(cedarRequest(question, reads));
        return decisionOf(combined(verdicts, more), question, book);
      } catch (error) {
        return denial('policy_error', [], unreadableDetail(error), book.version);
      }
    },
    couldPermit(question) {
      try {
        const slice = sliceFor(question);
        if (slice.possible !== null) return slice.possible;
        const { verdicts, left } = evaluate(slice, open, timeOf(question));
        if (slice.foreign.length === 0) return isPossible(verdicts, left);
        return isPossible(combined(verdicts, cedar.possibilities(cedarRequest(question, reads, true))), left);
      } catch {
        // What cannot be evaluated is denied by the call as well.
        return false;
      }
    },
  };
}

/** What the rules of a slice say with these arguments at this time, and those that still say nothing. */
function evaluate(
  { frame, settled, open: waiting }: Slice,
  given: Outcome,
  time: Outcome,
): { readonly verdicts: Verdicts; readonly left: readonly CompiledRule[] } {
  const verdicts = copied(settled);
  return { verdicts, left: evaluateAll(waiting, frameWith(frame, given, time), verdicts) };
}

/** As `decisionOf`; the same rules of the same slice give the same permit. */
function decisionIn(
  slice: RememberedSlice,
  verdicts: Verdicts,
  question: Question,
  book: RuleBook,
): Decision {
  const { permits, forbids, asks, errors } = verdicts;
  const last = errors.length + forbids.length + asks.length === 0 ? slice.lastPermit : null;
  if (last?.ids.length === permits.length && permits.every((id, at) => id === last.ids[at])) {
    return last.decision;
  }
  const decision = decisionOf(verdicts, question, book);
  if (decision.outcome === 'permit') slice.lastPermit = { ids: permits, decision };
  return decision;
}

function frameWith({ principal, action, resource, context }: Frame, given: Outcome, time: Outcome): Frame {
  return { principal, action, resource, context: new FilledContext(context, given, time) };
}

function wholeNumber(time: number): number {
  const whole = Math.trunc(time);
  if (Number.isSafeInteger(whole)) return whole + 0;
  throw new Fault('invalid_input', 'The time is not a number of milliseconds.');
}
