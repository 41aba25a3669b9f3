import type { Evidence } from '../../ca/evidence.ts';
import { fitsPattern } from '../../kernel/fits-pattern.ts';
import type { LeafKind } from '../../x509/leaf-profile.ts';

/** The doors whose requests can be made to wait: an ACME account and a renewal were let in by somebody before. */
export const approvableDoors = ['join-token', 'workload', 'person', 'scep', 'admin'] as const;

/** Which requests wait. What a rule leaves out, it does not ask about. */
export interface ApprovalRule {
  readonly doors: readonly string[];
  readonly kinds: readonly LeafKind[];
  /** Names, with any number of `*` for any characters; none for all. */
  readonly names: readonly string[];
  /** `wait`, or `pass` to let through what later rules would make wait. */
  readonly action: 'wait' | 'pass';
  /** How long a request waits and can be used, in milliseconds. */
  readonly life: number;
  /** Whether it has to be somebody else than who stands behind the request. */
  readonly byAnother: boolean;
}

/** The first rule that a request fits, when it is one that makes it wait; null when it need not. */
export function ruleFor(rules: readonly ApprovalRule[], evidence: Evidence): ApprovalRule | null {
  if (!approvableDoors.some((door) => door === evidence.door)) return null;
  const rule = rules.find(
    ({ doors, kinds, names }) =>
      doors.includes(evidence.door) &&
      kinds.includes(evidence.kind) &&
      (names.length === 0 || names.some((pattern) => fitsPattern(pattern, evidence.name))),
  );
  return rule?.action === 'wait' ? rule : null;
}
