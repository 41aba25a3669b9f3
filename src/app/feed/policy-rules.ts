import type { LimitRules } from '../../gateway/limit-rule.ts';
import { compilePolicies, compilePoliciesInTurns, type PolicySet } from '../../policy/compile-policies.ts';
import { readLimits } from '../config/limits-file.ts';
import { limitsFileName } from '../config/file-names.ts';
import type { PolicyFile } from './feed-message.ts';

/** What the files of the policy folder say together. */
export interface PolicyRules {
  readonly policies: PolicySet;
  readonly limits: LimitRules;
}

/** Reads all of the files or none. Throws Fault `policy_invalid` or `config_invalid`. */
export function readPolicyFiles(files: readonly PolicyFile[], earlier: PolicySet | null = null): PolicyRules {
  return { limits: limitsOf(files), policies: compilePolicies(policiesOf(files), earlier) };
}

/** The same, with turns for everybody else: thousands of policies take seconds. */
export async function readPolicyFilesInTurns(
  files: readonly PolicyFile[],
  earlier: PolicySet | null,
): Promise<PolicyRules> {
  return {
    limits: limitsOf(files),
    policies: await compilePoliciesInTurns(policiesOf(files), earlier),
  };
}

function limitsOf(files: readonly PolicyFile[]): LimitRules {
  const limits = files.find(({ name }) => name === limitsFileName);
  return limits ? readLimits(limits.name, limits.text) : noLimits;
}

function policiesOf(files: readonly PolicyFile[]): readonly PolicyFile[] {
  return files.filter(({ name }) => name !== limitsFileName);
}

const noLimits: LimitRules = Object.freeze([]);
