import { Fault } from '../kernel/fault.ts';
import { cedarRules, type CedarRules } from './ask-cedar.ts';
import type { BoundedCache } from './bounded-cache.ts';
import { cedarRequest } from './cedar-request.ts';
import { argumentValues } from './evaluate/argument-values.ts';
import type { CompiledRule } from './evaluate/compile-rule.ts';
import { type Frame, frameOf } from './evaluate/frame.ts';
import { ruleIndex } from './evaluate/rule-index.ts';
import { evaluateAll, type Slice, sliceOf } from './evaluate/slice.ts';
import { open, type Outcome } from './evaluate/value.ts';
import type { Decision, Question } from './question.ts';
import { unreadableDetail } from './refusal-text.ts';
import { actions, type ContextMember } from './schema.ts';
import { decisionOf, denial, type RuleBook, type Verdicts } from './verdicts.ts';

/** Decides the questions about one action. */
export interface Judge {
  decide(question: Question): Decision;
  couldPermit(question: Question): boolean;
}

/** A slice, and the decision when nothing is left open in it. */
export interface RememberedSlice extends Slice {
  readonly decision: Decision | null;
}

/** Roughly what a remembered slice takes, in octets. */
export function octetsOfSlice({ open: left, foreign }: RememberedSlice): number {
  return 2_000 + 8 * (left.length + foreign.length);
}

/** Prepares the rules that can apply to an action; slices of them are remembered in the cache. */
export function judgeOfAction(
  action: string,
  rules: readonly CompiledRule[],
  book: RuleBook,
  slices: BoundedCache<RememberedSlice>,
): Judge {
  const index = ruleIndex(rules);
  const reads = new Set(rules.flatMap((rule) => [...rule.reads]));
  const readsArguments = actions[action]?.arguments === true && reads.has('arguments');
  const cedar = cedarRules(rules.filter(({ holds }) => holds === null).map(({ rule }) => rule));

  const sliceFor = (question: Question): RememberedSlice => {
    const key = keyOf(question, reads);
    const known = slices.get(key);
    if (known) return known;
    const frame = frameOf(question);
    const slice = sliceOf(index.fitting(frame), frame);
    const isSettled = slice.open.length + slice.foreign.length === 0;
    const remembered = { ...slice, decision: isSettled ? decisionOf(slice.settled, question, book) : null };
    slices.set(key, remembered);
    return remembered;
  };
  return {
    decide(question) {
      try {
        const slice = sliceFor(question);
        const given = readsArguments ? argumentValues(question.context.arguments ?? {}) : open;
        if (slice.decision) return slice.decision;
        const verdicts = copyOf(slice.settled);
        const left = evaluateAll(slice.open, frameWith(slice.frame, question, reads, given), verdicts);
        if (left.length > 0) throw new TypeError('a rule was left open');
        if (slice.foreign.length > 0) add(verdicts, cedar.verdicts(cedarRequest(question, reads)));
        return decisionOf(verdicts, question, book);
      } catch (error) {
        return denial('policy_error', [], unreadableDetail(error), book.version);
      }
    },
    couldPermit(question) {
      try {
        const slice = sliceFor(question);
        if (slice.decision) return slice.decision.outcome === 'permit';
        return isPossible(slice, question, reads, cedar);
      } catch {
        // What cannot be evaluated is denied by the call as well.
        return false;
      }
    },
  };
}

/** A permit whose answer is open could apply; a forbid whose answer is open need not. */
function isPossible(
  slice: Slice,
  question: Question,
  reads: ReadonlySet<ContextMember>,
  cedar: CedarRules,
): boolean {
  const verdicts = copyOf(slice.settled);
  const left = evaluateAll(slice.open, frameWith(slice.frame, question, reads, open), verdicts);
  for (const { rule } of left) if (rule.effect === 'permit') verdicts.permits.push(rule.id);
  if (slice.foreign.length > 0) add(verdicts, cedar.possibilities(cedarRequest(question, reads, true)));
  return verdicts.errors.length === 0 && verdicts.forbids.length === 0 && verdicts.permits.length > 0;
}

/** Everything of a question that a slice can depend on. The address counts only where a rule looks at it. */
function keyOf(question: Question, reads: ReadonlySet<ContextMember>): string {
  const { agent, action, server, target, context } = question;
  const address = reads.has('address') || reads.has('ip') ? context.address : null;
  const subject = target.kind === 'resource' ? target.uri : target.kind === 'server' ? null : target.name;
  return JSON.stringify([
    [agent.name, agent.owner, agent.roles],
    [action, server, target.kind, subject],
    [address, context.profile, context.binding],
  ]);
}

function frameWith(
  frame: Frame,
  question: Question,
  reads: ReadonlySet<ContextMember>,
  given: Outcome,
): Frame {
  const context = new Map(frame.context);
  if (context.has('arguments')) context.set('arguments', given);
  if (reads.has('time')) context.set('time', wholeNumber(question.context.time));
  return { ...frame, context };
}

function wholeNumber(time: number): number {
  const whole = Math.trunc(time);
  if (Number.isSafeInteger(whole)) return whole + 0;
  throw new Fault('invalid_input', 'The time is not a number of milliseconds.');
}

function copyOf({ permits, forbids, errors }: Verdicts): Verdicts {
  return { permits: [...permits], forbids: [...forbids], errors: [...errors] };
}

function add(verdicts: Verdicts, more: Verdicts): void {
  verdicts.permits.push(...more.permits);
  verdicts.forbids.push(...more.forbids);
  verdicts.errors.push(...more.errors);
}
