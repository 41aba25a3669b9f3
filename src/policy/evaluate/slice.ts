import { noVerdicts, verdictOf, type Verdicts } from '../verdicts.ts';
import type { CompiledRule } from './compile-rule.ts';
import type { Frame } from './frame.ts';
import { open } from './value.ts';

/** What the rules that are about one caller and one target have come to, while arguments and time are open. */
export interface Slice {
  readonly frame: Frame;
  /** What rules say whatever the arguments and the time are. */
  readonly settled: Verdicts;
  /** The rules whose answer depends on them. */
  readonly open: readonly CompiledRule[];
  /** The rules that only Cedar can evaluate. */
  readonly foreign: readonly CompiledRule[];
}

/** Evaluates the rules as far as the frame goes. */
export function sliceOf(rules: readonly CompiledRule[], frame: Frame): Slice {
  const settled = noVerdicts();
  const left = evaluateAll(rules, frame, settled);
  return {
    frame,
    settled,
    open: left.filter(({ holds }) => holds !== null),
    foreign: left.filter(({ holds }) => holds === null),
  };
}

/** Adds what the rules say in a frame to the verdicts. Returns the rules whose answer the frame leaves open. */
export function evaluateAll(
  rules: readonly CompiledRule[],
  frame: Frame,
  into: Verdicts,
): readonly CompiledRule[] {
  const left: CompiledRule[] = [];
  for (const compiled of rules) {
    const { rule, holds } = compiled;
    const outcome = holds === null ? open : holds(frame);
    if (outcome === false) continue;
    if (outcome === true) into[verdictOf(rule)].push(rule.id);
    else if (outcome === open) left.push(compiled);
    else if (typeof outcome === 'object' && outcome.kind === 'failure') {
      into.errors.push({ id: rule.id, message: outcome.message });
    } else throw new TypeError('a condition came to something else than a Boolean');
  }
  return left;
}
