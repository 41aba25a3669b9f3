import { Fault } from '../../kernel/fault.ts';
import type { PolicyFile } from '../feed/feed-message.ts';
import { readPolicies } from '../feed/policy-folder.ts';
import { type PolicyRules, readPolicyFiles } from '../feed/policy-rules.ts';
import type { Positional } from './command.ts';

export const policyFolder: Positional = {
  name: 'folder',
  meaning: 'the folder with *.cedar files, limits.yaml and tokens.yaml',
  count: 'one',
};

/** What the policy folder says. Throws Fault `not_found` when there is no policy in it, and what reading it throws. */
export async function openPolicyFiles(path: string): Promise<PolicyRules> {
  const { files, rules } = await readPolicyFolder(path);
  if (files.some(({ name }) => name.endsWith('.cedar'))) return rules;
  throw new Fault('not_found', `There is no *.cedar file in ${path}; without policies everything is denied.`);
}

/** The files of the policy folder and what they say, also when no policy is among them. */
export async function readPolicyFolder(
  path: string,
): Promise<{ readonly files: readonly PolicyFile[]; readonly rules: PolicyRules }> {
  const files = await readPolicies(path).catch((cause: unknown) => {
    if (cause instanceof Fault) throw cause;
    throw new Fault('not_found', `The folder ${path} cannot be read.`, { cause });
  });
  return { files, rules: readPolicyFiles(files) };
}
