import type { LimitRules } from '../../gateway/limit-rule.ts';
import { compilePolicies, type PolicySet } from '../../policy/compile-policies.ts';
import { limitsFileName, readLimits } from '../config/limits-file.ts';
import type { PolicyFile } from './feed-message.ts';

/** What the files of the policy folder say together. */
export interface PolicyRules {
  readonly policies: PolicySet;
  readonly limits: LimitRules;
}

/** Reads all of the files or none. Throws Fault `policy_invalid` or `config_invalid`. */
export function readPolicyFiles(files: readonly PolicyFile[]): PolicyRules {
  const limits = files.find(({ name }) => name === limitsFileName);
  return {
    limits: limits ? readLimits(limits.name, limits.text) : noLimits,
    policies: compilePolicies(files.filter((file) => file !== limits)),
  };
}

const noLimits: LimitRules = Object.freeze([]);
