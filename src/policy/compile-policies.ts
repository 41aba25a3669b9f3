import { setImmediate as nextTurn } from 'node:timers/promises';
import { sha256Base64url } from '../kernel/bytes.ts';
import { canonicalJson } from '../kernel/canonical-json.ts';
import { checkAnnotations } from './check-annotations.ts';
import { checkNames } from './check-names.ts';
import { typeChecker } from './check-types.ts';
import { type CompiledRule, compileRule } from './evaluate/compile-rule.ts';
import { type PolicySet, policySetOf } from './policy-set.ts';
import { policyFault, type PolicyText, rulesOf } from './read-rules.ts';
import type { Rule } from './rule.ts';

export type { PolicySet } from './policy-set.ts';

/**
 * Compiles the policies of a folder. Every name in them must exist and every policy must be able to apply. Policies that
 * were in an earlier set, word for word, are not read and checked again.
 * Throws Fault `policy_invalid` with file, line, column, what is wrong and the nearest match.
 */
export function compilePolicies(files: readonly PolicyText[], earlier: PolicySet | null = null): PolicySet {
  const work = compiling(files, earlier);
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
  }
}

/** The same, with a turn for everybody else after every few milliseconds of work. */
export async function compilePoliciesInTurns(
  files: readonly PolicyText[],
  earlier: PolicySet | null,
): Promise<PolicySet> {
  const work = compiling(files, earlier);
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
    await nextTurn();
  }
}

// How many policies are read, checked and compiled at once: each about 10 ms of work on a small machine.
const steps = { read: 32, check: 32, compile: 256 };

/** The work of compiling. It can be left alone for a while wherever it yields. */
function* compiling(
  files: readonly PolicyText[],
  earlier: PolicySet | null,
): Generator<undefined, PolicySet> {
  const known = new Map(earlier?.policies.map((rule) => [rule.text, rule]));
  const rules: Rule[] = [];
  for (const file of files) {
    for (const rule of rulesOf(file, known)) {
      rules.push(rule);
      if (rules.length % steps.read === 0) yield;
    }
  }
  refuseSameId(rules);
  yield* checking(rules.filter(({ text }) => !known.has(text)));
  const compiled: CompiledRule[] = [];
  for (const part of partsOf(rules, steps.compile)) {
    compiled.push(...part.map(compileRule));
    yield;
  }
  return policySetOf(compiled, versionOf(files));
}

function* checking(rules: readonly Rule[]): Generator<undefined, void> {
  for (const part of partsOf(rules, steps.compile)) {
    for (const rule of part) {
      checkNames(rule);
      checkAnnotations(rule);
    }
    yield;
  }
  if (rules.length === 0) return;
  const checkTypes = typeChecker();
  for (const part of partsOf(rules, steps.check)) {
    checkTypes(part);
    yield;
  }
}

function* partsOf(rules: readonly Rule[], size: number): Generator<readonly Rule[], void> {
  for (let at = 0; at < rules.length; at += size) yield rules.slice(at, at + size);
}

function versionOf(files: readonly PolicyText[]): string {
  const sorted = files
    .map(({ name, text }) => ({ name, text: text.toWellFormed() }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return sha256Base64url(canonicalJson(sorted));
}

function refuseSameId(rules: readonly Rule[]): void {
  const seen = new Map<string, Rule>();
  for (const rule of rules) {
    const other = seen.get(rule.id);
    if (other) {
      const what = `the id "${rule.id}" is already that of the policy at ${other.file}:${other.line}. Give one of them another @id`;
      throw policyFault(rule.file, rule, what);
    }
    seen.set(rule.id, rule);
  }
}
