import { rememberedForFrozen } from '../kernel/remembered-for.ts';
import { type BoundedCache, boundedCache } from './bounded-cache.ts';
import type { CompiledRule } from './evaluate/compile-rule.ts';
import { type CallerFrame, callerFrame, targetOf } from './evaluate/frame.ts';
import { ruleIndex, type RulesAbout } from './evaluate/rule-index.ts';
import { type Slice, sliceOf } from './evaluate/slice.ts';
import type { Decision, Question } from './question.ts';
import type { ContextMember } from './schema.ts';
import { decisionOf, isPossible, type RuleBook } from './verdicts.ts';
import { passportMembers } from './passport-members.ts';

/** A slice, and what it already says. */
export interface RememberedSlice extends Slice {
  /** The decision; null when it depends on arguments or time, or when only Cedar can tell. */
  readonly decision: Decision | null;
  /** Whether some arguments could be permitted; null when that depends on the time, or when only Cedar can tell. */
  readonly possible: boolean | null;
  /** The last permit that depended on arguments or time, and the ids of the rules that gave it, as they were found. */
  lastPermit: { readonly ids: readonly string[]; readonly decision: Decision } | null;
}

/** What was worked out about callers and targets; shared by all actions of a set of policies, and gone with it. */
export interface Memory {
  readonly callers: BoundedCache<Caller>;
  readonly slices: BoundedCache<RememberedSlice>;
}

interface Caller {
  readonly frame: CallerFrame;
  readonly rules: RulesAbout;
}

// One caller takes about 3 KB, and so does what it may do to one target: 10,000 of these are at hand.
const callerOctets = 2_000;
const sliceOctets = 1_500;
const memoryLimits = { callers: 4 * 1_048_576, slices: 32 * 1_048_576 };

export function newMemory(): Memory {
  return {
    callers: boundedCache(memoryLimits.callers, () => callerOctets),
    slices: boundedCache(
      memoryLimits.slices,
      ({ open, foreign }) => sliceOctets + 8 * (open.length + foreign.length),
    ),
  };
}

/** Gives the slice of the rules that a question is about, from memory when the caller and the target were seen before. */
export function rememberedSlices(
  rules: readonly CompiledRule[],
  reads: ReadonlySet<ContextMember>,
  book: RuleBook,
  memory: Memory,
): (question: Question) => RememberedSlice {
  const index = ruleIndex(rules);
  const callerOf = (key: string, question: Question): Caller => {
    const known = memory.callers.get(key);
    if (known) return known;
    const frame = callerFrame(question);
    const caller = { frame, rules: index.about(frame.principal) };
    memory.callers.set(key, caller);
    return caller;
  };
  return (question) => {
    const callerKey = keyOfCaller(question, reads);
    // JSON text holds no line break of its own: no two pairs of texts become the same one.
    const key = `${callerKey}\n${keyOfTarget(question)}`;
    const known = memory.slices.get(key);
    if (known) return known;
    const caller = callerOf(callerKey, question);
    const resource = targetOf(question);
    const slice = sliceOf(caller.rules.fitting(resource), { ...caller.frame, resource });
    const remembered = { ...slice, ...saidBy(slice, question, book), lastPermit: null };
    memory.slices.set(key, remembered);
    return remembered;
  };
}

function saidBy(
  slice: Slice,
  question: Question,
  book: RuleBook,
): Pick<RememberedSlice, 'decision' | 'possible'> {
  const { settled, open, foreign } = slice;
  if (foreign.length > 0) return { decision: null, possible: null };
  if (open.length === 0) {
    const decision = decisionOf(settled, question, book);
    return { decision, possible: decision.outcome !== 'deny' };
  }
  return {
    decision: null,
    possible: open.some(({ reads }) => reads.has('time')) ? null : isPossible(settled, open),
  };
}

/** Everything besides the target that a slice can depend on. The address counts only where a rule looks at it. */
function keyOfCaller({ agent, action, context }: Question, reads: ReadonlySet<ContextMember>): string {
  const address = reads.has('address') || reads.has('ip') ? context.address : null;
  const rest = JSON.stringify([action, address, context.profile, context.binding, context.key]);
  return `${textOfAgent(agent)}${rest}${textOfRead(context, reads)}${textOfPassport(context, reads)}`;
}

/** Of token and labels too only what a rule looks at. */
function textOfRead(context: Question['context'], reads: ReadonlySet<ContextMember>): string {
  const read = readMembers.filter((name) => reads.has(name) || (name === 'actors' && reads.has('actor')));
  return read.length === 0 ? '' : JSON.stringify(read.map((name) => context[name]));
}

const readMembers = ['person', 'client', 'scopes', 'acr', 'actors', 'labels', 'touched'] as const;

/** Of a passport likewise: the rest of it is another in every call. */
function textOfPassport({ passport }: Question['context'], reads: ReadonlySet<ContextMember>): string {
  if (passport === null) return '';
  const read = passportMembers(passport).filter(([name]) => reads.has(name));
  return read.length === 0 ? '' : JSON.stringify(Object.fromEntries(read));
}

const textOfAgent = rememberedForFrozen(({ name, owner, roles }: Question['agent']): string =>
  JSON.stringify([name, owner, roles]),
);

function keyOfTarget({ server, target }: Question): string {
  const subject = target.kind === 'resource' ? target.uri : target.kind === 'server' ? null : target.name;
  return JSON.stringify([server, target.kind, subject]);
}
