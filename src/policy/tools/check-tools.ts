import type { Rule } from '../rule.ts';
import { checkArguments } from './check-arguments.ts';
import { checkToolNames } from './check-tool-names.ts';
import type { KnownTools } from './known-tools.ts';
import { scopedTools } from './scoped-tools.ts';

/** Something in a policy that does not fit the tools that there are. */
export interface ToolFinding {
  /** A warning where the server is not known yet, or where the policy says that it means what no definition tells of. */
  readonly level: 'error' | 'warning';
  readonly rule: Rule;
  /** The servers whose definitions it rests on. */
  readonly servers: readonly string[];
  readonly place: { readonly line: number; readonly column: number };
  readonly what: string;
}

/**
 * Holds policies against the definitions of the tools: a tool that its server does not have, an argument that no tool in
 * question has, and a use of an argument that does not fit its type. The annotation `@undeclared` turns the errors of a
 * policy into warnings: servers may obey arguments that their definitions do not tell of.
 */
export function checkTools(rules: readonly Rule[], known: KnownTools): readonly ToolFinding[] {
  const findings = rules.flatMap((rule) => {
    const scoped = scopedTools(rule, known);
    const names = checkToolNames(rule, scoped, known);
    return [...names, ...checkArguments(rule, scoped)];
  });
  return findings.map((finding) => {
    const meant = finding.rule.json.annotations?.['undeclared'] !== undefined;
    return meant ? { ...finding, level: 'warning' } : finding;
  });
}

/** A finding as one line: `file:line:column: what`. */
export function toolFindingText({ rule, place, what }: ToolFinding): string {
  return `${rule.file}:${place.line}:${place.column}: ${what}`;
}
